import { PRODUCTS } from './products.ts';

/** The shop's front page: what a person sees who opens it through a port-forward. */
export function page({ version, currency, banner }: { version: string; currency: string; banner: string | undefined }): string {
  const price = new Intl.NumberFormat('en', { style: 'currency', currency });
  const rows = PRODUCTS.map(({ name, cents }) => `<tr><td>${name}</td><td>${price.format(cents / 100)}</td></tr>`).join('');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Shop</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 32rem; margin: 3rem auto; padding: 0 1rem }
table { width: 100%; border-collapse: collapse }
td { padding: .4rem 0; border-bottom: 1px solid #8884 }
td:last-child { text-align: right; font-variant-numeric: tabular-nums }
</style>
<h1>Shop</h1>${banner === undefined ? '' : `\n<p><strong>${escaped(banner)}</strong></p>`}
<table>${rows}</table>
<form method="post" action="/checkout"><p><button>Buy a kettle</button></p></form>
<p><small>frontend ${escaped(version)}</small></p>
</html>
`;
}

const escaped = (text: string) => text.replace(/[&<>"]/g, char => `&#${char.codePointAt(0)};`);
