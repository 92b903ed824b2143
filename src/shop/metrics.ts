/**
 * Counters, gauges and histograms in the Prometheus text format, version 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export type Labels = Readonly<Record<string, string>>;

/** Upper bounds in seconds: fine where a healthy request lies, coarse to the longest timeout. */
const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  lines(): string[];
}

export interface Counter {
  increment(labels: Labels): void;
}
export interface Histogram {
  /** @param value in the unit of the metric's name: seconds. */
  observe(labels: Labels, value: number): void;
}

export interface Metrics {
  counter(name: string, help: string): Counter;
  histogram(name: string, help: string, buckets?: readonly number[]): Histogram;
  /** `read` is called at each scrape. */
  gauge(name: string, help: string, read: () => number, labels?: Labels): void;
  render(): string;
}

const escaped = (value: string) => value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

export function createMetrics(): Metrics {
  const families: Family[] = [];

  return {
    counter(name, help) {
      const values = new Map<string, number>();
      families.push({ name, help, type: 'counter', lines: () => [...values].map(([key, value]) => `${name}${key} ${value}`) });
      return {
        increment(labels) {
          const key = labelText(labels);
          values.set(key, (values.get(key) ?? 0) + 1);
        },
      };
    },
    histogram(name, help, buckets = LATENCY_BUCKETS) {
      const series = new Map<string, { labels: Labels; counts: number[]; sum: number; count: number }>();
      families.push({
        name,
        help,
        type: 'histogram',
        lines: () =>
          [...series.values()].flatMap(({ labels, counts, sum, count }) => [
            ...buckets.map((bound, at) => `${name}_bucket${labelText({ ...labels, le: String(bound) })} ${counts[at] ?? 0}`),
            `${name}_bucket${labelText({ ...labels, le: '+Inf' })} ${count}`,
            `${name}_sum${labelText(labels)} ${sum}`,
            `${name}_count${labelText(labels)} ${count}`,
          ]),
      });
      return {
        observe(labels, value) {
          const key = labelText(labels);
          let one = series.get(key);
          if (!one) {
            one = { labels, counts: buckets.map(() => 0), sum: 0, count: 0 };
            series.set(key, one);
          }
          // Cumulative, as the format wants: a value counts in its bucket and in every larger one.
          for (const [at, bound] of buckets.entries()) if (value <= bound) one.counts[at] = (one.counts[at] ?? 0) + 1;
          one.sum += value;
          one.count += 1;
        },
      };
    },
    gauge(name, help, read, labels = {}) {
      families.push({ name, help, type: 'gauge', lines: () => [`${name}${labelText(labels)} ${read()}`] });
    },
    render() {
      const text = families.map(({ name, help, type, lines }) =>
        [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines()].join('\n'),
      );
      return `${text.join('\n')}\n`;
    },
  };
}
