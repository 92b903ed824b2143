import type { PortPlan } from '../../network/ports.ts';

/** A pod's view of the network: what a network namespace and /etc/resolv.conf would give it. */
export interface ContainerNetwork {
  /** The pod's address. */
  address: string;
  /** What `localhost` is inside the pod. */
  loopback: string;
  /** Every address of the sandbox begins with this; there is nothing else to connect to. */
  prefix: string;
  /** host:port of the DNS server. */
  dns: string;
  /** Search domains of resolv.conf. */
  search: string[];
  ports: PortPlan;
}

export interface Mount {
  /** Absolute path inside the container. */
  mountPath: string;
  /** The directory or file of this machine behind it. */
  source: string;
  readOnly: boolean;
}

/** Everything a container's process is told, as a JSON file: nothing of it goes through the environment or the command line. */
export interface ContainerConfig {
  /** Shown in process lists. */
  title: string;
  /** File name of one of our programs in dist/programs, without extension. */
  program: string;
  /** argv after the program's name. */
  args: string[];
  env: Record<string, string>;
  hostname: string;
  workingDir: string;
  /** The container's own files; absolute paths outside every mount lie here. */
  rootfs: string;
  /** Everything of the pod on this machine lies below. */
  podDirectory: string;
  mounts: Mount[];
  network: ContainerNetwork;
}

/** What a container's process tells the kubelet through its control pipe, one JSON object a line. */
export type ContainerMessage =
  | { type: 'started' /** RSS before the program was loaded, bytes. */; baseline: number }
  | { type: 'listening'; port: number };
