/** RFC 3339 with 1 s resolution, as metav1.Time is written. */
export const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** ms since the epoch; NaN-free: 0 when there is none. */
export const millis = (time: string | null | undefined): number => (time ? Date.parse(time) : 0);
