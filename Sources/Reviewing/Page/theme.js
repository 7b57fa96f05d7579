// Light or dark: as the system, or as chosen.
const Theme = (() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  const show = () => { document.documentElement.dataset.theme = chosen ?? (dark.matches ? "dark" : "light"); };
  dark.addEventListener("change", show);
  show();
  return {
    open() { chosen = Keys.localStorageGet("theme"); show(); },
    change() {
      chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      Keys.localStorageSet("theme", chosen);
      show();
      dispatchEvent(new Event("resize"));
    },
  };
})();
