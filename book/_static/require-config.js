// Widget modules and the icon fonts load from the vendored folder, whatever the depth of the page.
window.require.config({ baseUrl: document.currentScript.src.replace(/[^/]*$/, "vendor/widgets/") });
