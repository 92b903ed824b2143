/**
 * A duration as people read it, the same in the terminal, in CI logs and in the report:
 * `850 ms`, `4.2 s`, `1 m 05 s`, `2 h 03 m`. Precision falls with length, as a reader's interest does.
 *
 * @param ms milliseconds; rounded, and a negative one keeps its sign
 */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  const whole = Math.round(ms);
  if (whole < 1000) return `${whole} ms`;
  // Tenths first, so that 59.96 s becomes a minute and never "60.0 s".
  const tenths = Math.round(whole / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(whole / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${padded(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${padded(minutes % 60)} m`;
}

/**
 * A running clock of fixed width, tenths of a second: `0:04.2`, `12:07.0`, `1:02:07.0`. For figures that change in place.
 *
 * @param ms milliseconds; negative ones count as 0
 */
export function formatClock(ms: number): string {
  const tenths = Math.floor(Math.max(0, ms) / 100);
  const seconds = Math.floor(tenths / 10);
  const minutes = Math.floor(seconds / 60);
  const rest = `${padded(seconds % 60)}.${tenths % 10}`;
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${padded(minutes % 60)}:${rest}`;
}

const padded = (value: number) => String(value).padStart(2, '0');
