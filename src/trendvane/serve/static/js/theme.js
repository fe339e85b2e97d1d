// A classic script, so that it runs before the first paint: a page that flashes white at night is unkind.
// Without a stored choice the system's preference decides (in CSS).
(function () {
  try {
    var chosen = localStorage.getItem("trendvane-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch (error) {
    // Storage may be forbidden; the preference of the system is fine.
  }
})();
