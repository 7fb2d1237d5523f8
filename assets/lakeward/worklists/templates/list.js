"use strict";
// Search, filter and sort of one list, by mouse and keyboard. Reads the table, asks nobody.
const body = document.querySelector("#list tbody");
const search = document.getElementById("search");
const action = document.getElementById("action");
const count = document.getElementById("count");
const rows = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let seen = 0;
  for (const { row, text } of rows) {
    const fits = words.every((word) => text.includes(word)) && (!action.value || row.className === action.value);
    row.hidden = !fits;
    seen += fits;
  }
  count.textContent = seen === rows.length ? `${seen} rows` : `${seen} of ${rows.length} rows`;
}

function valueOf(row, place) {
  const cell = row.cells[place];
  const number = cell.dataset.n ?? cell.textContent.trim();
  return number !== "" && !Number.isNaN(Number(number)) ? Number(number) : cell.textContent.trim().toLowerCase();
}

function sort(place, heading) {
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of document.querySelectorAll("th")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const sign = down ? -1 : 1;
  const keyed = rows.map((entry) => [valueOf(entry.row, place), entry.row]);
  keyed.sort(([a], [b]) => {
    // what is empty comes last in either direction
    if (a === "" || b === "") return (a === "") - (b === "");
    if (typeof a === typeof b) return sign * (a < b ? -1 : a > b ? 1 : 0);
    return sign * (typeof a === "number" ? -1 : 1);
  });
  body.append(...keyed.map(([, row]) => row));
}

document.querySelectorAll("thead th").forEach((heading, place) => {
  heading.querySelector("button").addEventListener("click", () => sort(place, heading));
});
search.addEventListener("input", show);
action.addEventListener("change", show);
