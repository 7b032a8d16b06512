// What the console's pages do in a browser with JavaScript, besides what htmx
// does. Every page works without it.
"use strict";

document.documentElement.classList.add("js");

// Times are shown in the reader's time zone, with UTC in the title.
const sameDay = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function showTimes(root) {
	for (const t of root.querySelectorAll("time[datetime]:not([data-shown])")) {
		const at = new Date(t.dateTime);
		if (Number.isNaN(at.getTime())) continue;
		t.dataset.shown = "";
		t.title = t.title || t.textContent;
		if (t.dataset.until !== undefined) continue;
		t.textContent = sameDay.format(at);
	}
}

// The time that is left until a moment, in the words of the server's duration.
function left(ms) {
	const minutes = Math.floor(ms / 60000), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
	if (ms <= 0) return "time is over";
	if (minutes < 1) return "less than a minute left";
	if (hours < 1) return `${minutes} min left`;
	if (days < 1) return `${hours} h ${minutes % 60} min left`;
	return days < 7 ? `${days} d ${hours % 24} h left` : `${days} days left`;
}

function countDown() {
	for (const t of document.querySelectorAll("time[data-until]")) {
		t.textContent = left(new Date(t.dateTime) - Date.now());
	}
}

function start(root) {
	showTimes(root);
	countDown();
}

document.addEventListener("DOMContentLoaded", () => {
	start(document);
	setInterval(countDown, 15000);
	// The first field with an error, or what went wrong, is read first.
	const wrong = document.querySelector('[aria-invalid="true"]') || document.querySelector('.alert.bad[tabindex]');
	if (wrong) wrong.focus();
});
document.addEventListener("htmx:afterSwap", (e) => start(e.target.parentNode || document));

// Copy buttons.
document.addEventListener("click", async (e) => {
	const button = e.target.closest("[data-copy]");
	if (!button) return;
	try {
		await navigator.clipboard.writeText(button.dataset.copy);
		button.classList.add("done");
		button.setAttribute("aria-label", "Copied");
		setTimeout(() => {
			button.classList.remove("done");
			button.setAttribute("aria-label", "Copy " + button.dataset.copy);
		}, 1500);
	} catch {
		button.setAttribute("aria-label", "The browser does not allow copying");
	}
});

// "/" moves to the search box.
document.addEventListener("keydown", (e) => {
	if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select, [contenteditable]")) return;
	const boxes = [...document.querySelectorAll("input[type=search], [data-search]")].filter((b) => b.offsetParent);
	const search = boxes.find((b) => b.closest("main")) || boxes[0];
	if (!search) return;
	e.preventDefault();
	search.focus();
	search.select();
});

// A form is sent once. Its Idempotency-Key makes a second time harmless; this
// only shows that the first is under way.
document.addEventListener("submit", (e) => {
	const form = e.target;
	if (form.method !== "post" || form.target === "_blank") return;
	if (e.submitter && e.submitter.dataset.download !== undefined) return; // the page stays
	if (form.dataset.sending) {
		e.preventDefault();
		return;
	}
	form.dataset.sending = "yes";
	// What is answered at once does not flicker.
	setTimeout(() => { if (e.submitter && form.dataset.sending) e.submitter.classList.add("sending"); }, 250);
});
window.addEventListener("pageshow", () => {
	for (const form of document.querySelectorAll("form[data-sending]")) delete form.dataset.sending;
	for (const button of document.querySelectorAll("button.sending")) button.classList.remove("sending");
	// After the back button, the browser has restored what was ticked.
	for (const form of document.forms) showPicked(form);
});

// A part that updates itself says so when it cannot, and stops saying it when it can.
function setStale(stale) {
	let note = document.querySelector(".stale");
	if (!stale) {
		if (note) note.remove();
		return;
	}
	if (note) return;
	note = document.createElement("div");
	note.className = "alert warn stale";
	note.setAttribute("role", "status");
	note.textContent = `This page has not been updated since ${new Intl.DateTimeFormat(undefined, { timeStyle: "short" }).format(new Date())}: the service does not answer. It keeps trying.`;
	document.body.append(note);
}
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(name, () => setStale(true));
document.addEventListener("htmx:afterOnLoad", (e) => { if (e.detail.successful) setStale(false); });

// A box in the head of a table picks every row; what depends on the number of
// picked rows shows it. Picking rows, or writing into the field for a list, also
// chooses that the form is about those.
function choose(form, value) {
	const radio = form.querySelector(`input[name=which][value=${value}]`);
	if (radio) radio.checked = true;
}

function showPicked(form) {
	const boxes = [...form.elements].filter((e) => e.matches("input[data-pick]")), every = form.querySelector("input[data-pick-every]");
	let picked = boxes.filter((b) => b.checked).length;
	const all = [...form.elements].find((e) => e.matches("input[data-pick-all]"));
	if (all) {
		all.checked = picked > 0 && picked === boxes.length;
		all.indeterminate = picked > 0 && picked < boxes.length;
	}
	let number = String(picked);
	if (every && every.checked) {
		number = every.dataset.count; // such as 1,234 or 10,000+
		picked = Number(number.replace(/[^0-9]/g, ""));
	}
	const which = form.querySelector("input[name=which]:checked");
	for (const label of form.querySelectorAll("[data-picked]")) {
		const counts = !label.closest("button") || !which || which.value === "picked";
		let text = label.dataset.none;
		if (counts && picked === 1) text = label.dataset.one;
		if (counts && picked > 1) text = label.dataset.picked;
		if (label.closest("button") && which && which.value === "listed" && label.dataset.listed) text = label.dataset.listed;
		label.textContent = text.replace("%", number);
	}
}
document.addEventListener("change", (e) => {
	const form = e.target.form;
	if (!form) return;
	if (e.target.matches("input[data-pick-all]")) {
		for (const box of form.elements) if (box.matches("input[data-pick]")) box.checked = e.target.checked;
	}
	if (e.target.matches("input[data-pick], input[data-pick-all]")) choose(form, "picked");
	if (e.target.matches("input[data-pick], input[data-pick-all], input[data-pick-every], input[name=which]")) showPicked(form);
	if (e.target.matches("[data-submit]")) form.requestSubmit();
});
document.addEventListener("input", (e) => {
	if (e.target.matches("textarea[name=sims]") && e.target.value && e.target.form) {
		choose(e.target.form, "listed");
		showPicked(e.target.form);
	}
});

// Escape closes the menu, or what is open around the focus.
document.addEventListener("keydown", (e) => {
	if (e.key !== "Escape" || e.isComposing) return;
	if (e.target.matches("input[type=search]") && e.target.value) return; // it empties the field
	const open = document.querySelector(".bar details[open]") || e.target.closest("details[open]:not(.fold)") || document.querySelector("details.dialog[open]");
	if (!open) return;
	open.open = false;
	open.querySelector("summary").focus();
});
document.addEventListener("click", (e) => {
	const menu = document.querySelector(".bar details[open]");
	if (menu && !menu.contains(e.target)) menu.open = false;
});
document.addEventListener("click", (e) => {
	const close = e.target.closest("[data-close]");
	if (!close) return;
	const d = close.closest("details");
	d.open = false;
	d.querySelector("summary").focus();
});

// Enter in a field of a part that can be opened presses the button of this part.
document.addEventListener("keydown", (e) => {
	if (e.key !== "Enter" || e.isComposing || !e.target.matches("details.more input")) return;
	const button = e.target.closest("details.more").querySelector("button:not([type=button])");
	if (!button || button.form !== e.target.form) return;
	e.preventDefault();
	button.click();
});

// The search box takes a column of identifiers, so it has lines. Enter searches, and
// Shift and Enter begins a line. It grows with what is pasted.
document.addEventListener("keydown", (e) => {
	if (e.key !== "Enter" || e.shiftKey || e.isComposing || !e.target.matches("textarea[data-search]")) return;
	e.preventDefault();
	e.target.form.requestSubmit();
});
document.addEventListener("input", (e) => {
	if (!e.target.matches("textarea[data-search]")) return;
	e.target.rows = Math.min(8, e.target.value.split("\n").length);
});

// A file can be dropped anywhere on its field, and a destination is chosen by typing it.
document.addEventListener("dragover", (e) => {
	const drop = e.target.closest(".drop");
	for (const other of document.querySelectorAll(".drop.over")) other.classList.toggle("over", other === drop);
	if (!drop) return;
	e.preventDefault();
	drop.classList.add("over");
});
document.addEventListener("drop", (e) => {
	const drop = e.target.closest(".drop");
	for (const other of document.querySelectorAll(".drop.over")) other.classList.remove("over");
	if (!drop || !e.dataTransfer.files.length) return;
	e.preventDefault();
	drop.querySelector("input[type=file]").files = e.dataTransfer.files;
});
document.addEventListener("input", (e) => {
	const nested = e.target.closest(".nested");
	if (!nested) return;
	const choice = nested.previousElementSibling.querySelector("input[type=radio]");
	if (choice) choice.checked = true;
});
