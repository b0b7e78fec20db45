// The page works without any of this: sorting, the theme, details of a cell and printing are added.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// a heading of a table can be reached by the keyboard; the library listens to clicks on it
for (const table of all("table:not(.matrix)")) {
  table.classList.add("sortable", "n-last");
  for (const heading of all("thead th", table).filter((one) => one.textContent.trim())) {
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    heading.append(button);
  }
}

// light or dark: the system's choice, until the reader decides
const theme = document.getElementById("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
theme.hidden = false;
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  label();
});
dark.addEventListener("change", label);
label();

// the cells of a matrix: one is in the order of tabs, arrow keys move from it
for (const matrix of all(".matrix")) {
  const detail = document.getElementById(matrix.dataset.detail);
  const cells = all("td[data-text]", matrix);
  const show = (cell) => {
    for (const other of cells) {
      other.tabIndex = other === cell ? 0 : -1;
      other.setAttribute("aria-selected", other === cell);
    }
    detail.textContent = cell.dataset.text;
  };
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  for (const cell of cells) {
    cell.addEventListener("mouseenter", () => show(cell));
    cell.addEventListener("focus", () => show(cell));
    cell.addEventListener("click", () => cell.focus());
    cell.addEventListener("keydown", (event) => {
      const move = moves[event.key];
      const row = move && cell.closest("table").rows[cell.parentNode.rowIndex + move[0]];
      const next = row?.cells[cell.cellIndex + move[1]];
      if (next?.dataset.text) {
        event.preventDefault();
        next.focus();
      }
    });
  }
  if (cells.length) cells[0].tabIndex = 0;
}

// what is folded is printed too
addEventListener("beforeprint", () => { for (const folded of all("main details")) folded.open = true; });

// the contents are open where they stand beside the text
const contents = document.querySelector(".contents details");
const wide = matchMedia("(min-width: 72rem)");
const unfold = () => { contents.open = wide.matches; };
wide.addEventListener("change", unfold);
unfold();

// the contents follow: the last heading above the upper quarter of the window is where the reader is
const links = all(".contents a");
const headings = links.map((link) => document.querySelector(link.hash));
const follow = () => {
  const passed = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 4);
  const place = Math.max(0, passed.length - 1);
  links.forEach((link, n) => { n === place ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current"); });
};
addEventListener("scroll", follow, { passive: true });
follow();
