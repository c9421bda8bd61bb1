// A time axis: which times are marked, and how they are written, in the reader's zone.

const [SECOND, MINUTE, HOUR, WHOLE_DAY] = [1000, 60_000, 3_600_000, 86_400_000];
const TICKS = [...[1, 5, 15, 30].map((n) => n * SECOND), ...[1, 5, 15, 30].map((n) => n * MINUTE), ...[1, 3, 6, 12].map((n) => n * HOUR), ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * WHOLE_DAY)];

/** Marked times from `from` to `to` (ms), at most `most`. From an hour on they are hours and days of the reader's zone. */
function ticks(from, to, most) {
  const step = TICKS.find((size) => (to - from) / size <= Math.max(1, most)) ?? TICKS.at(-1);
  const found = [];
  if (step < HOUR) {
    const shift = new Date(from).getTimezoneOffset() * MINUTE;
    for (let t = Math.ceil((from - shift) / step) * step + shift; t <= to; t += step) found.push(t);
  } else {
    const day = new Date(from);
    for (let hours = 0, t = 0; t <= to; hours += step / HOUR) {
      t = new Date(day.getFullYear(), day.getMonth(), day.getDate(), hours).getTime();
      if (t >= from && t <= to) found.push(t);
    }
  }
  return { step, found };
}

/** A marked time in words: seconds, minutes or days, as fine as the marks are apart; midnight is its day. */
function tickText(time, step) {
  const t = new Date(time);
  const day = `${t.getDate()} ${MONTHS[t.getMonth()]}`;
  if (step >= 90 * WHOLE_DAY) return `${MONTHS[t.getMonth()]} ${t.getFullYear()}`;
  if (step >= WHOLE_DAY || (t.getHours() === 0 && t.getMinutes() === 0 && t.getSeconds() === 0)) return day;
  return localTime(t.toISOString()).slice(11, step < MINUTE ? 19 : 16);
}
