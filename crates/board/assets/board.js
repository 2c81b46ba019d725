// Shows what changed without a reload: the server says when, the page is fetched again and its main part replaced.
"use strict";
(() => {
  const AGAIN = 1000; // Milliseconds from one fetch to the next where more changed meanwhile.
  const RETRY = 5000; // After a fetch that failed.
  const TURNED_AWAY = 15000; // After a refusal: the server has enough listeners.

  const live = document.getElementById("live");
  let changes;
  let fetching = false;
  let missed = false; // Something has changed that is not shown yet.

  const say = (text) => {
    if (live.textContent !== text) live.textContent = text;
  };

  // What the reader is doing is left alone.
  const busy = () => {
    const at = document.activeElement;
    return at && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName) && document.getElementById("main").contains(at);
  };

  const renew = async () => {
    missed = true;
    if (fetching || busy()) return;
    fetching = true;
    missed = false;
    let pause = AGAIN;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      // That a page is no longer there is an answer, too.
      if (!answer.ok && answer.status !== 404) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      if (busy()) {
        missed = true;
      } else if (fresh) {
        const focus = document.activeElement && document.activeElement.id;
        document.getElementById("main").replaceChildren(...fresh.childNodes);
        const back = focus && document.getElementById(focus);
        if (back) back.focus({ preventScroll: true });
      }
      if (changes.readyState === EventSource.OPEN) say("live");
    } catch {
      missed = true;
      pause = RETRY;
      say("not reached; trying again");
    }
    fetching = false;
    if (missed && !busy()) setTimeout(renew, pause);
  };

  const listen = () => {
    const workspace = live.dataset.workspace;
    changes = new EventSource(workspace ? `/changes?workspace=${encodeURIComponent(workspace)}` : "/changes");
    // What changed before, or while nobody listened, was told to nobody.
    changes.onopen = () => {
      say("live");
      renew();
    };
    changes.onmessage = renew;
    changes.onerror = () => {
      say("not reached; trying again");
      // A connection that breaks is made again by the browser, one that was refused is not.
      if (changes.readyState === EventSource.CLOSED) {
        setTimeout(() => {
          renew();
          listen();
        }, TURNED_AWAY);
      }
    };
  };

  if (!window.EventSource) return;
  document.addEventListener("focusout", () => {
    if (missed) setTimeout(renew, 0);
  });
  listen();
})();
