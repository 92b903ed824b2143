/**
 * The first process of every container: makes this process see the container's files, names, addresses and environment, then
 * runs one of our programs in it. Started by the kubelet as `node container.mjs CONFIG`, with a control pipe as descriptor 3.
 */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ContainerConfig, ContainerMessage } from './container/container-config.ts';
import { virtualizeFileSystem } from './container/filesystem.ts';
import { virtualizeNetwork } from './container/network-namespace.ts';
import { ContainerPaths } from './container/paths.ts';

const programs = dirname(fileURLToPath(import.meta.url));
const config: ContainerConfig = JSON.parse(readFileSync(process.argv[2] as string, 'utf8'));
const baseline = process.memoryUsage.rss();

const control = new Socket({ fd: 3, readable: true, writable: true });
const tell = (message: ContainerMessage) => control.write(`${JSON.stringify(message)}\n`);
// The pipe ends when the runner is gone, however it went: nothing may stay behind.
control.on('close', () => process.kill(process.pid, 'SIGKILL'));
control.on('error', () => {});
control.resume();
control.unref();

// The kernel does not deliver a signal to the first process of a container unless the program handles it.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => {});

process.title = config.title;
for (const name of Object.keys(process.env)) delete process.env[name];
Object.assign(process.env, config.env);
process.argv = ['/usr/local/bin/node', `/usr/local/bin/${config.program}`, ...config.args];
process.execArgv = [];

tell({ type: 'started', baseline });
virtualizeNetwork(config.network, config.hostname, port => tell({ type: 'listening', port }));
virtualizeFileSystem(new ContainerPaths(config, [programs, config.podDirectory]));

await import(pathToFileURL(`${programs}/${config.program}.mjs`).href);
