/**
 * All that the page does beyond what it does without: it counts down, says times by the phone's own clock where that is in
 * another zone, and waits for the door after the button. As it stands in the page, so that the policy can name it by its
 * hash, and in the language of browsers of ten years ago.
 */
export const script = `
(function () {
  var page = document, lang = page.documentElement.lang;
  var zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  function amount(count, unit) {
    var names = { en: { day: ['day', 'days'], hour: ['hour', 'hours'], minute: ['minute', 'minutes'], second: ['second', 'seconds'] },
      de: { day: ['Tag', 'Tage'], hour: ['Stunde', 'Stunden'], minute: ['Minute', 'Minuten'], second: ['Sekunde', 'Sekunden'] } };
    return count + '\\u00a0' + (names[lang] || names.en)[unit][count === 1 ? 0 : 1];
  }
  function left(ms) {
    var s = Math.ceil(ms / 1000), m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
    if (d > 0) return amount(d, 'day') + ' ' + amount(h % 24, 'hour');
    if (h > 0) return amount(h, 'hour') + ' ' + amount(m % 60, 'minute');
    return m > 0 ? amount(m, 'minute') : amount(s, 'second');
  }
  function tick() {
    Array.prototype.forEach.call(page.querySelectorAll('[data-at]'), function (it) {
      var at = new Date(it.getAttribute('data-at')), ms = at - Date.now();
      var text = ms > 0 ? it.getAttribute('data-says').replace('{time}', left(ms)) : it.getAttribute('data-over');
      if (ms > 0 && zone && zone !== it.getAttribute('data-zone')) {
        var clock = at.toLocaleString(lang, { weekday: 'short', hour: '2-digit', minute: '2-digit', hour12: false });
        text += ' (' + it.getAttribute('data-clock').replace('{clock}', clock) + ')';
      }
      if (it.textContent !== text) it.textContent = text;
      it.hidden = false;
    });
  }
  var asked = 0;
  function trouble() {
    var said = page.querySelector('[data-trouble]');
    if (said) said.hidden = false;
  }
  function show(response) {
    return response.text().then(function (text) {
      var next = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
      if (!next) throw new Error('no page');
      var main = page.querySelector('main');
      main.parentNode.replaceChild(page.importNode(next, true), main);
      tick();
      var status = page.querySelector('.status');
      if (status && asked === 0) status.focus();
      if (page.querySelector('[data-wait]') && asked++ < 20)
        setTimeout(function () { fetch(response.url).then(show).catch(trouble); }, 1000);
    });
  }
  page.addEventListener('submit', function (event) {
    var form = event.target, button = form.querySelector('button');
    if (!form.hasAttribute('data-opens') || !window.fetch || !window.URLSearchParams) return;
    event.preventDefault();
    var said = button.textContent;
    button.disabled = true;
    button.textContent = form.getAttribute('data-opens');
    var pairs = Array.prototype.map.call(form.querySelectorAll('input'), function (it) { return [it.name, it.value]; });
    asked = 0;
    fetch(form.action, { method: 'POST', body: new URLSearchParams(pairs) }).then(show).catch(function () {
      button.disabled = false;
      button.textContent = said;
      trouble();
    });
  });
  tick();
  setInterval(tick, 1000);
})();
`;
