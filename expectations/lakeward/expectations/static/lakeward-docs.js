// Tabs, folding, search, sorting and "failed only" for Data Docs. Pages read well without it.
"use strict";
document.documentElement.classList.add("js");

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const target = (link) => document.getElementById((link.getAttribute("href") || "").slice(1));

function onlyFailed(on) {
  for (const cell of all(".hide-succeeded-validation-target-child")) {
    cell.parentElement.classList.toggle("lw-hidden", on);
  }
  for (const block of all(".hide-succeeded-validation-target")) block.classList.toggle("lw-hidden", on);
  for (const block of all(".hide-succeeded-validations-column-section-target-child")) {
    const section = block.closest(".ge-section");
    section.classList.toggle("lw-hidden", on);
    for (const link of all(`a[href="#${section.id}"]`)) link.classList.toggle("lw-hidden", on);
  }
}
window.showAllValidations = () => onlyFailed(false);
window.hideSucceededValidations = () => onlyFailed(true);

for (const tab of all('[data-toggle="tab"]')) {
  tab.addEventListener("click", (event) => {
    event.preventDefault();
    for (const other of all('[data-toggle="tab"]')) {
      other.classList.toggle("active", other === tab);
      target(other)?.classList.toggle("active", other === tab);
    }
  });
}
for (const fold of all('[data-toggle="collapse"]')) {
  fold.addEventListener("click", (event) => {
    event.preventDefault();
    target(fold)?.classList.toggle("show");
  });
}
for (const group of all('[data-toggle="buttons"]')) {
  for (const button of all(".btn", group)) {
    button.addEventListener("click", () => {
      for (const other of all(".btn", group)) other.classList.toggle("active", other === button);
    });
  }
}
for (const table of all("table")) {
  const heads = all("th[data-sortable]", table);
  const body = table.tBodies[0];
  if (!heads.length || !body) continue;
  for (const head of heads) {
    head.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const text = (row) => {
        const cell = row.cells[head.cellIndex];
        return cell.querySelector("i")?.className || cell.textContent.trim();
      };
      const order = (a, b) => text(a).localeCompare(text(b), undefined, { numeric: true });
      body.append(...[...body.rows].sort((a, b) => (up ? order(a, b) : order(b, a))));
    });
  }
  if (body.rows.length < 5) continue;
  const search = document.createElement("input");
  search.className = "lw-search";
  search.type = "search";
  search.placeholder = "Search";
  search.setAttribute("aria-label", "Search this table");
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    for (const row of body.rows) {
      row.classList.toggle("lw-hidden", !row.textContent.toLowerCase().includes(wanted));
    }
  });
  table.before(search);
}
