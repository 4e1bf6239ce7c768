"""Who voted for the whole image, at every noise level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
import traitlets
from jaxtyping import Float
from torch import Tensor

from ..diffusion import Labels, add_noise
from ..errors import CourseError
from ..machine import Machine
from .base import check_images, check_machine, check_same_shape, check_top, packed, pixels, script
from .time import TimeExplorer, check_stops


class PosteriorExplorer(TimeExplorer):
    """x_t, the denoiser's answer D(x_t, t) and the training images behind it; `index` is the slider, `t` its time."""

    _esm = script("posterior.js")

    top = traitlets.Int(1, help="voters per time").tag(sync=True)
    noisy = traitlets.Bytes(help="uint8 (times, H, W, C): x_t").tag(sync=True)
    denoised = traitlets.Bytes(help="uint8 (times, H, W, C): D(x_t, t)").tag(sync=True)
    voters = traitlets.Bytes(help="uint8 (n, H, W, C): every voter once, shifted as it voted").tag(sync=True)
    voter = traitlets.Bytes(help="int32 (times, top): which of the voters, -1 for nobody").tag(sync=True)
    image = traitlets.Bytes(help="int32 (n,): its index in the training set").tag(sync=True)
    shift = traitlets.Bytes(help="int32 (n, 2): its shift, rows and columns").tag(sync=True)
    weight = traitlets.Bytes(help="float32 (times, top)").tag(sync=True)
    entropy = traitlets.Bytes(help="float32 (times,): of all weights, in nats").tag(sync=True)

    @classmethod
    def of(
        cls,
        machine: Machine,
        x_0: Float[Tensor, "C H W"],
        noise: Float[Tensor, "C H W"],
        times: Sequence[float],
        top: int = 5,
        *,
        labels: Labels = None,
    ) -> Self:
        """One image under one noise, seen by a whole-image machine (IS, ES) at each of the times, in (0, 1].

        labels: the class of x_0, for a machine that was built with image_labels.
        """
        check_same_shape(check_images(x_0, "x_0", "CHW"), check_images(noise, "noise", "CHW"), ("x_0", "noise"))
        check_machine(machine, labels, 1)
        top = check_top(top)
        if not machine.whole_image:
            raise CourseError(
                f"{machine.id} looks through windows, so every pixel has voters of its own: use MosaicExplorer."
            )
        stops = check_stops(times, zero=False)
        noisy = torch.stack([add_noise(x_0, noise, t, machine.schedule) for t in stops])
        answers, who, weights, entropies = [], [], [], []
        for x_t, t in zip(noisy, stops, strict=True):
            answers.append(machine(x_t[None], t, labels)[0])
            votes = machine.posterior(x_t[None], t, top, labels)
            who.append(torch.cat([votes.image[0, :, None], votes.location[0]], dim=-1))
            weights.append(votes.weight[0])
            entropies.append(votes.entropy[0])
        votes_of = torch.stack(who).cpu()  # (T, top, 3): image, row shift, column shift
        nobody = votes_of[..., 0] < 0
        distinct, number = votes_of.view(-1, 3).unique(dim=0, return_inverse=True)
        pictures = [machine.images[max(i, 0)].roll((-r, -c), (-2, -1)) for i, r, c in distinct.tolist()]
        return cls(
            shape=list(x_0.shape),
            times=stops,
            top=votes_of.shape[1],  # a small dictionary has fewer entries than were asked for
            noisy=pixels(noisy),
            denoised=pixels(torch.stack(answers)),
            voters=pixels(torch.stack(pictures)),
            voter=packed(number.view_as(nobody).masked_fill(nobody, -1), torch.int32),
            image=packed(distinct[:, 0], torch.int32),
            shift=packed(distinct[:, 1:], torch.int32),
            weight=packed(torch.stack(weights), torch.float32),
            entropy=packed(torch.stack(entropies), torch.float32),
        )

    def _summary(self) -> str:
        return f"{len(self.times)} times, {self.top} voters each"
