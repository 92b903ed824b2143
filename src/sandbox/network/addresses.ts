import { StatusError } from '../registry/status-error.ts';

/**
 * The sandbox's address plan. Linux routes the whole of 127.0.0.0/8 to the loopback device, so any address in it can be
 * bound without set-up or privilege. A sandbox takes one second octet S for itself (several sandboxes may run side by side):
 *
 * | block            | use                                                                    |
 * |------------------|------------------------------------------------------------------------|
 * | 127.S.0.1        | the node                                                               |
 * | 127.S.0.0/18     | pods                                                                   |
 * | 127.S.64.0/18    | each pod's own loopback (`localhost` inside it), same host bits        |
 * | 127.S.128.0/18   | services; .128.1 is `kubernetes`, .128.10 the DNS server, as usual     |
 */
export interface AddressPlan {
  octet: number;
  nodeAddress: string;
  dnsAddress: string;
  kubernetesAddress: string;
  podCIDR: string;
  serviceCIDR: string;
  /** Every address of the sandbox begins with this. */
  prefix: string;
}

export function addressPlan(octet: number): AddressPlan {
  return {
    octet,
    nodeAddress: `127.${octet}.0.1`,
    dnsAddress: `127.${octet}.128.10`,
    kubernetesAddress: `127.${octet}.128.1`,
    podCIDR: `127.${octet}.0.0/18`,
    serviceCIDR: `127.${octet}.128.0/18`,
    prefix: `127.${octet}.`,
  };
}

/** What `localhost` is for the pod with this address. */
export function podLoopback(podIP: string): string {
  const [a, b, c, d] = podIP.split('.').map(Number) as [number, number, number, number];
  return `${a}.${b}.${c + 64}.${d}`;
}

const BLOCK_SIZE = 1 << 14;

/** Hands out the addresses of one /18 block, lowest free one after the last given (so that an address is not reused at once). */
export class AddressPool {
  readonly #base: string;
  readonly #firstThirdOctet: number;
  readonly #used = new Set<string>();
  #next: number;

  constructor(prefix: string, firstThirdOctet: number, first = 2) {
    this.#base = prefix;
    this.#firstThirdOctet = firstThirdOctet;
    this.#next = first;
  }

  allocate(): string {
    for (let tries = 0; tries < BLOCK_SIZE; tries++) {
      const index = this.#next;
      this.#next = this.#next + 1 >= BLOCK_SIZE ? 2 : this.#next + 1;
      const address = this.#address(index);
      if ((index & 255) === 0 || (index & 255) === 255 || this.#used.has(address)) continue;
      this.#used.add(address);
      return address;
    }
    throw new StatusError('InternalError', 'failed to allocate an address: the block is full');
  }

  /** Marks an address as taken; false when it was already. */
  take(address: string): boolean {
    if (this.#used.has(address)) return false;
    this.#used.add(address);
    return true;
  }

  release(address: string): void {
    this.#used.delete(address);
  }

  contains(address: string): boolean {
    const parts = address.split('.');
    if (parts.length !== 4 || !address.startsWith(this.#base)) return false;
    const third = Number(parts[2]);
    const last = Number(parts[3]);
    return third >= this.#firstThirdOctet && third < this.#firstThirdOctet + 64 && last >= 0 && last <= 255;
  }

  #address(index: number): string {
    return `${this.#base}${this.#firstThirdOctet + (index >> 8)}.${index & 255}`;
  }
}
