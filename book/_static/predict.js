// The course asks before it tells: on the page of a lesson, what follows a question is covered until its reader has
// decided. Without JavaScript, on paper, and for whoever has chosen so, all is shown.
(function () {
  const KEY = "els-answers";
  // Chromium, and newer others: the browser finds words in what is covered, and says so before it goes there.
  const COVERED = "onbeforematch" in window ? "until-found" : "";
  const questionOf = new Map(); // covered part -> the question that it answers

  // A browser may refuse to remember anything.
  function remembered() {
    try {
      return localStorage.getItem(KEY) === "shown";
    } catch {
      return false;
    }
  }
  function remember(shown) {
    try {
      localStorage.setItem(KEY, shown ? "shown" : "covered");
    } catch {}
  }

  function made(tag, attributes, ...children) {
    const one = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
    one.append(...children);
    return one;
  }

  const asks = (one) =>
    one.tagName === "P" && [...one.querySelectorAll("strong")].some((word) => /^Predict[.:]$/.test(word.textContent));
  // What a question is about may stand below it: its cell has the tag "question". A folded answer is covered as it is.
  const belongsToQuestion = (one) => one.matches(".tag_question, details");
  const isExercise = (section) => section.id.startsWith("exercise-");
  const isSolution = (one) => one.matches("details") && one.firstElementChild.textContent === "Solution";

  /** Begins a part that answers a question: in place of `first`, or behind the part that the question itself is in. */
  function begin(question, first, inside) {
    const part = made("div", { class: "els-answer", id: `answer-${questionOf.size + 1}` });
    const button = made("button", { type: "button", class: "els-decide" }, "I have decided: show");
    button.addEventListener("click", () => {
      open(question);
      // From here on one reads, and the keyboard goes on. It needs no frame around all of this, and no second visit.
      part.tabIndex = -1;
      part.focus({ preventScroll: true });
      part.addEventListener("blur", () => part.removeAttribute("tabindex"), { once: true });
    });
    if (inside) {
      inside.append(button); // so it shows with its question
      inside.after(part);
    } else first.before(button, part);
    question.parts.push(part);
    question.buttons.push(button);
    questionOf.set(part, question);
    return part;
  }

  /**
   * Finds the questions of a section. What follows one is its answer, as far as the next question or heading; the next
   * question is a part of that answer, as it builds on it. Exercises stay in sight, but what comes after the solution
   * of one may be the answer to a question that was asked before it. Returns the last question.
   */
  function look(section, question) {
    const children = [...section.children];
    const task = isExercise(section) ? children.map(isSolution).lastIndexOf(true) : -1;
    if (isExercise(section) && task < 0) return question;
    let part = null; // where what follows goes
    let asked = false; // and the answer has not begun
    children.forEach((one, i) => {
      if (one.tagName === "SECTION") question = look(one, isExercise(one) ? question : null);
      else if (i <= task || /^H\d$/.test(one.tagName)) return;
      else {
        if (asks(one)) {
          question = { before: part && question, parts: [], buttons: [] };
          asked = true;
        } else if (question && (asked ? !belongsToQuestion(one) : !part)) {
          part = begin(question, one, part);
          asked = false;
        }
        part?.append(one);
      }
    });
    return question;
  }

  function set(question, shown) {
    for (const part of question.parts) {
      if (shown) part.removeAttribute("hidden");
      else part.setAttribute("hidden", COVERED);
    }
    for (const button of question.buttons) {
      button.hidden = shown;
      button.setAttribute("aria-expanded", shown);
    }
  }

  // Whatever measures its place, or is to be reached by keyboard if it scrolls, looks again.
  const changed = () => window.dispatchEvent(new Event("resize"));

  /** Shows an answer, and those that are needed to understand its question. */
  function open(question) {
    for (let one = question; one; one = one.before) set(one, true);
    changed();
  }

  function setAll(shown) {
    for (const question of new Set(questionOf.values())) set(question, shown);
    for (const input of document.querySelectorAll(".els-answers input"))
      input.checked = (input.value === "shown") === shown;
    changed();
  }

  /** Shows the covered part that an element is in, if it is in one. */
  function uncover(element) {
    const question = questionOf.get(element?.closest(".els-answer[hidden]"));
    if (question) open(question);
    return Boolean(question);
  }

  function goToHash() {
    const target = document.getElementById(location.hash.slice(1));
    if (uncover(target)) target.scrollIntoView();
  }

  function start() {
    const choice = document.querySelector(".els-answers");
    if (!choice) return;
    for (const section of document.querySelectorAll(".bd-article > section > section")) look(section, null);
    for (const { parts, buttons } of new Set(questionOf.values()))
      for (const button of buttons) button.setAttribute("aria-controls", parts.map((part) => part.id).join(" "));
    setAll(remembered());
    goToHash();
    choice.addEventListener("change", (event) => {
      const shown = event.target.value === "shown";
      remember(shown);
      setAll(shown);
    });
    document.addEventListener("beforematch", (event) => uncover(event.target));
    window.addEventListener("hashchange", goToHash);
    // Back from a lesson on which the choice was changed.
    window.addEventListener("pageshow", (event) => event.persisted && setAll(remembered()));
  }

  // As soon as the page is read: scripts that are deferred, of formulas and explorers, take longer to come.
  document.addEventListener("readystatechange", start, { once: true });
})();
