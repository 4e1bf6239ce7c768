// MathJax 3 as Sphinx expects it, without a menu. The widget manager still calls the interface of MathJax 2: give it one.
(function () {
  const hub = {
    Queue(command) {
      window.MathJax.startup.promise.then(() => window.MathJax.typesetPromise([command[2]]));
    },
  };
  window.MathJax = Object.assign(window.MathJax || {}, {
    options: Object.assign((window.MathJax || {}).options || {}, { enableMenu: false }),
    startup: {
      ready() {
        window.MathJax.startup.defaultReady();
        window.MathJax.Hub = hub;
      },
    },
    Hub: hub,
  });
})();
