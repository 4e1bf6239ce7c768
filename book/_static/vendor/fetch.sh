#!/bin/sh
# Fetches again, from the npm registry, the scripts that let maths, explorers and slides work without any outside
# request. A maintainer runs it to update them, looks at the site, and commits the folder. Needs npm and .venv.
# Licences: MathJax Apache-2.0 (mathjax/LICENSE), require.js MIT (in the file), html-manager BSD-3-Clause, anywidget MIT
# and Font Awesome 5 Free, whose fonts html-manager brings, SIL OFL 1.1 (all three in widgets/licences), reveal.js MIT
# (reveal/LICENSE).
set -eu
CDPATH='' cd -- "$(dirname -- "$0")"
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

unpack() { # NAME FOLDER
  (cd "$temporary" && mkdir "$2" && tar xzf "$(npm pack --silent "$1" | tail -n 1)" -C "$2" --strip-components=1)
}
unpack mathjax@3 mathjax
unpack requirejs@2 require
unpack @jupyter-widgets/html-manager@1 manager
unpack reveal.js@5 reveal
unpack @fortawesome/fontawesome-free@5 fonts

mkdir -p mathjax widgets/@jupyter-widgets/html-manager/dist widgets/licences reveal/plugin/notes
cp "$temporary"/mathjax/es5/tex-svg-full.js "$temporary"/mathjax/LICENSE mathjax/
cp "$temporary"/require/require.js "$temporary"/manager/dist/embed-amd.js widgets/
cp "$temporary"/manager/dist/*.woff2 widgets/@jupyter-widgets/ # both places are asked, by pages and by widgets
cp "$temporary"/manager/dist/*.woff2 widgets/@jupyter-widgets/html-manager/dist/
cp ../../../.venv/share/jupyter/nbextensions/anywidget/index.js widgets/anywidget.js
cp "$temporary"/fonts/LICENSE.txt widgets/licences/font-awesome.txt
for package in ipywidgets anywidget; do # html-manager is of one repository, and one licence, with ipywidgets
  cp ../../../.venv/lib/python3*/site-packages/"$package"-*.dist-info/licenses/LICENSE "widgets/licences/$package.txt"
done
cp "$temporary"/reveal/dist/reveal.js "$temporary"/reveal/dist/reveal.css "$temporary"/reveal/LICENSE reveal/
cp "$temporary"/reveal/plugin/notes/notes.js reveal/plugin/notes/
