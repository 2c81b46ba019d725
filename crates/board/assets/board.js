// Shows what changed without a reload: the server says when, the page is fetched again and its main part replaced.
"use strict";
(() => {
  const live = document.getElementById("live");
  let fetching = false;
  let again = false;

  const say = (text) => {
    if (live.textContent !== text) live.textContent = text;
  };

  // What the reader is doing is left alone.
  const busy = () => {
    const at = document.activeElement;
    return at && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName) && document.getElementById("main").contains(at);
  };

  const renew = async () => {
    if (busy()) return;
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      const focus = document.activeElement && document.activeElement.id;
      if (fresh && !busy()) {
        document.getElementById("main").replaceChildren(...fresh.childNodes);
        const back = focus && document.getElementById(focus);
        if (back) back.focus({ preventScroll: true });
      }
    } catch {
      say("not reached; trying again");
    }
    fetching = false;
    if (again) {
      again = false;
      setTimeout(renew, 1000);
    }
  };

  if (!window.EventSource) return;
  const changes = new EventSource("/changes");
  changes.onopen = () => say("live");
  changes.onmessage = renew;
  changes.onerror = () => say("not reached; trying again");
})();
