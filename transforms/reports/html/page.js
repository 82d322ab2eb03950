const form = document.getElementById("filters");
if (form) {
  const findings = [...document.querySelectorAll(".finding")].map((element) => ({
    element,
    text: element.textContent.toLowerCase(),
  }));
  const boxes = [...form.querySelectorAll('input[name="severity"]')];
  const apply = () => {
    const severities = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const code = form.elements.code.value;
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { element, text } of findings) {
      const matches =
        severities.has(element.dataset.severity) &&
        (!code || element.dataset.code === code) &&
        words.every((word) => text.includes(word));
      element.hidden = !matches;
      shown += matches ? 1 : 0;
    }
    const total = findings.length;
    form.elements.shown.value = shown === total ? `${total} findings` : `${shown} of ${total} findings`;
    document.getElementById("none").hidden = shown > 0;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
  // On paper nothing can be opened.
  const opened = [];
  addEventListener("beforeprint", () => {
    for (const { element } of findings) {
      if (!element.open) {
        element.open = true;
        opened.push(element);
      }
    }
  });
  addEventListener("afterprint", () => {
    for (const element of opened.splice(0)) element.open = false;
  });
}
