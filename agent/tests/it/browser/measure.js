// Measures the page in each frame and writes what is wrong with it, one line a
// problem, into the document. Runs in Chromium, in a page beside the report, so
// that the report itself is measured as it is. `measured` at the end tells that
// nothing broke on the way.
'use strict';

const problems = [];
// As the Web Content Accessibility Guidelines 2.2 define contrast (1.4.3).
const LEAST_CONTRAST = 4.5;
const LEAST_FONT_PIXELS = 11;
const MOST_OPENED = 60;

function luminance([r, g, b]) {
  const linear = [r, g, b].map(c => {
    const share = c / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

// Red, green, blue and opacity of a computed colour.
function channels(color) {
  const numbers = color.match(/[\d.]+/g).map(Number);
  return numbers.length === 4 ? numbers : [...numbers, 1];
}

// The opaque colour behind an element.
function behind(element, style) {
  for (let at = element; at; at = at.parentElement) {
    const [r, g, b, opacity] = channels(style(at).backgroundColor);
    if (opacity === 1) return [r, g, b];
    if (opacity > 0) return undefined;
  }
  return undefined;
}

function overlap(a, b) {
  return a.left < b.right - 0.5 && b.left < a.right - 0.5 && a.top < b.bottom - 0.5 && b.top < a.bottom - 0.5;
}

function measure(frame) {
  const view = frame.contentWindow;
  const page = frame.contentDocument;
  const style = element => view.getComputedStyle(element);
  const wrong = text => problems.push(`${frame.width}: ${text}`);
  const seen = element => element.checkVisibility({ visibilityProperty: true }) && style(element).display !== 'contents';

  if (view.innerWidth !== Number(frame.width)) wrong(`the frame is ${view.innerWidth} wide`);
  // Enough to see every kind of content; those of a thousand nodes take a minute.
  for (const details of [...page.querySelectorAll('details')].slice(0, MOST_OPENED)) details.open = true;
  if (page.documentElement.scrollWidth > view.innerWidth) wrong(`the page scrolls to ${page.documentElement.scrollWidth}`);

  let texts = 0;
  for (const element of page.body.querySelectorAll('*')) {
    if (!seen(element)) continue;
    const own = [...element.childNodes].filter(n => n.nodeType === Node.TEXT_NODE && n.data.trim());
    if (own.length === 0 || ['title', 'desc', 'style'].includes(element.localName)) continue;
    texts += 1;
    const box = element.getBoundingClientRect();
    const words = `"${own[0].data.trim().slice(0, 40)}"`;
    if (box.right > view.innerWidth + 0.5 || box.left < -0.5) wrong(`${words} reaches from ${box.left} to ${box.right}`);
    const css = style(element);
    if (parseFloat(css.fontSize) < LEAST_FONT_PIXELS) wrong(`${words} is ${css.fontSize} high`);
    const isDrawn = element instanceof view.SVGElement;
    const back = behind(isDrawn ? element.closest('div, figure, li') : element, style);
    const front = channels(isDrawn ? css.fill : css.color);
    if (back && contrast(front, back) < LEAST_CONTRAST) wrong(`${words} has a contrast of ${contrast(front, back).toFixed(2)}`);
  }
  if (texts < 20) wrong(`only ${texts} texts were found`);

  for (const axis of page.querySelectorAll('.times, .amounts, .levels, .spread')) {
    const labels = [...axis.querySelectorAll('text')].filter(seen).map(text => [text.textContent, text.getBoundingClientRect()]);
    labels.forEach(([a, box], index) => {
      for (const [b, other] of labels.slice(index + 1)) if (overlap(box, other)) wrong(`labels "${a}" and "${b}" overlap`);
    });
  }

  const ids = [...page.querySelectorAll('[id]')].map(element => element.id);
  if (new Set(ids).size !== ids.length) wrong('an id is there twice');
  for (const element of page.querySelectorAll('*')) {
    for (const { name, value } of element.attributes) {
      if (name.startsWith('on')) wrong(`<${element.localName}> has a handler ${name}`);
      if (['href', 'src', 'xlink:href', 'srcset', 'action', 'data'].includes(name)) {
        const isInside = value.startsWith('#') && page.getElementById(value.slice(1));
        if (!isInside && value !== 'data:,') wrong(`<${element.localName}> leads to ${value}`);
      }
    }
    if (['script', 'iframe', 'object', 'embed', 'img', 'base'].includes(element.localName)) wrong(`there is a <${element.localName}>`);
  }
  for (const drawing of page.querySelectorAll('svg[role=img]')) {
    if (!drawing.getAttribute('aria-label') && !drawing.querySelector(':scope > title')) wrong('a drawing has no name');
  }
  const loaded = view.performance.getEntriesByType('resource');
  for (const entry of loaded) wrong(`it loads ${entry.name}`);

  const isDark = luminance(channels(style(page.body).backgroundColor)) < 0.2;
  if (isDark !== (document.body.dataset.scheme === 'dark')) wrong('the page has not the colours of the scheme');
}

// The template keeps to XML, so that a tag left open is found.
function parse(text) {
  const error = new DOMParser().parseFromString(text, 'application/xml').querySelector('parsererror');
  if (error) problems.push(error.textContent.replace(/\s+/g, ' ').slice(0, 300));
}

window.addEventListener('load', () => {
  const frames = [...document.querySelectorAll('iframe')];
  frames.forEach(measure);
  const request = new XMLHttpRequest();
  request.open('GET', frames[0].src, false);
  request.send();
  parse(request.responseText);
  frames.forEach(frame => frame.remove());
  const list = document.createElement('pre');
  list.textContent = [...problems, 'measured'].join('\n');
  document.body.append(list);
});
