// What the pages gain where scripts run: the reader's time zone, distances that stay right, pages that follow what
// happens, copying, and menus that close. Every page works without it.
"use strict";

const language = navigator.language || "en";
const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

function span(milliseconds) {
  const minutes = Math.floor(milliseconds / 60000);
  const days = Math.floor(minutes / 1440), hours = Math.floor(minutes / 60) % 24, rest = minutes % 60;
  if (minutes < 1) return "less than a minute";
  if (days > 1) return `${days} days`;
  if (days === 1) return hours ? `1 day ${hours} h` : "1 day";
  if (hours) return rest ? `${hours} h ${rest} min` : `${hours} h`;
  return `${rest} min`;
}

function tellDistances(within) {
  for (const time of within.querySelectorAll("time[data-distance]")) {
    const left = Date.parse(time.dateTime) - Date.now();
    const text = left > 0 ? `in ${span(left)}` : left > -60000 ? "just now" : `${span(-left)} ago`;
    if (time.textContent !== text) time.textContent = text;
  }
}

function localise(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime()) || time.dataset.localised) continue;
    time.dataset.localised = "yes";
    if ("distance" in time.dataset) {
      time.title = `${exact.format(at)} (${time.title})`;
    } else {
      time.title = time.textContent;
      time.textContent = exact.format(at);
    }
  }
  tellDistances(within);
}

function offerCopying(within) {
  if (!navigator.clipboard) return;
  for (const text of within.querySelectorAll("[data-copy]")) {
    if (text.dataset.offered) continue;
    text.dataset.offered = "yes";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text.textContent.trim());
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    text.after(button);
  }
}

// What a page says, without times and without what was said once.
function essence(main) {
  const copy = main.cloneNode(true);
  for (const passing of copy.querySelectorAll("time, .copy, [role=status], input[name=csrf]")) passing.remove();
  return copy.innerHTML;
}

// Looks at the page again and shows what is new, unless somebody is busy with it: nothing moves under a hand.
async function follow(main) {
  const busy = main.querySelector("[data-touched]") || main !== document.activeElement && main.contains(document.activeElement);
  if (document.hidden || busy) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (!fresh) return;
    prepare(fresh);
    if (essence(fresh) === essence(main)) return;
    main.replaceChildren(...fresh.childNodes);
    document.getElementById("said").textContent = "This page has changed.";
  } catch { /* The next look may do better. */ }
}

function prepare(within) {
  localise(within);
  offerCopying(within);
}

prepare(document);
setInterval(() => tellDistances(document), 15000);

const main = document.querySelector("main[data-live]");
if (main) setInterval(() => follow(main), 5000);

document.addEventListener("input", (event) => { event.target.dataset.touched = "yes"; });
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.drop[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll("details.drop[open]")) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});
