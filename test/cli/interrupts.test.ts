import { afterEach, describe, expect, test } from 'vitest';
import { type Interrupts, listenForInterrupts } from '../../src/cli/interrupts.ts';

let interrupts: Interrupts | undefined;
afterEach(() => interrupts?.stop());

describe('signals during a drill', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends the drill, once more gives up the restore', name => {
    const said: string[] = [];
    interrupts = listenForInterrupts(text => void said.push(text));
    process.emit(name, name);
    expect([interrupts.interrupt.aborted, interrupts.abandon.aborted]).toEqual([true, false]);
    process.emit(name, name);
    expect(interrupts.abandon.aborted).toBe(true);
    expect(said[0]).toContain('once more gives up the restore');
  });

  test('a terminal that is closed sends SIGHUP more than once: the target is restored all the same', () => {
    interrupts = listenForInterrupts(() => {});
    for (let times = 0; times < 3; times++) process.emit('SIGHUP', 'SIGHUP');
    expect([interrupts.interrupt.aborted, interrupts.abandon.aborted]).toEqual([true, false]);
    process.emit('SIGTERM', 'SIGTERM');
    expect(interrupts.abandon.aborted).toBe(true);
  });
});
