/** BusyBox' face: a few applets and a small shell, all interpreted here. `busybox APPLET [ARGUMENT…]`. */
import { httpd } from './busybox/httpd.ts';

const [applet, ...args] = process.argv.slice(2);
if (applet === 'httpd') {
  try {
    await httpd(args);
  } catch (error) {
    process.stderr.write(`httpd: ${(error as Error).message}\n`);
    process.exit(1);
  }
}
if (applet === 'sleep') setTimeout(() => process.exit(0), Number(args[0]) * 1000);
if (applet === 'sh') process.exit(3);
