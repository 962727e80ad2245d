// Sort the rows by the column whose title is clicked: numbers largest first, then reversed. Empty cells stay last.
const body = document.querySelector("tbody");
const titles = [...document.querySelectorAll("thead th:not(.trend)")];
for (const title of titles) {
  const isNumber = title.matches(".n, .number");
  const usual = isNumber ? "descending" : "ascending", reversed = isNumber ? "ascending" : "descending";
  const valueOf = row => row.cells[title.cellIndex].dataset.value ?? row.cells[title.cellIndex].textContent.trim();
  const compare = (one, other) => isNumber ? one - other : one.localeCompare(other, undefined, {numeric: true});
  const button = document.createElement("button");
  button.append(...title.childNodes);
  title.append(button);
  button.onclick = () => {
    const order = title.getAttribute("aria-sort") === usual ? reversed : usual;
    titles.forEach(other => other.removeAttribute("aria-sort"));
    title.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...body.rows].map(row => [valueOf(row), row]);
    rows.sort(([one], [other]) => (one === "") - (other === "") || sign * compare(one, other));
    body.append(...rows.map(([, row]) => row));
  };
}
