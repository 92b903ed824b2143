import type { Container } from 'kubernetes-types/core/v1.js';
import type { KubeObject } from '../registry/resources.ts';
import type { Backoff } from './backoff.ts';
import { goDuration } from './backoff.ts';
import { findImage, type Image, notFoundMessage, parseImage } from './images.ts';
import type { StartFailure } from './pod-runtime.ts';

export type PodEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

/** What a kubelet would find in its node's image store or pull, in upstream's order of events (pkg/kubelet/images/image_manager.go). */
export class ImageManager {
  readonly #backoff: Backoff;
  /** The last pull error per back-off key: ImagePullBackOff repeats it. */
  readonly #errors = new Map<string, string>();

  constructor(backoff: Backoff) {
    this.#backoff = backoff;
  }

  /** The image, or why the container cannot have it; the caller records `Error: REASON`. */
  ensure(pod: KubeObject, container: Container, event: PodEvent): Image | StartFailure {
    const name = container.image ?? '';
    const reference = parseImage(name);
    if (!reference) {
      const message = `Failed to apply default image tag "${name}": couldn't parse image name "${name}": invalid reference format`;
      event('Warning', 'InspectFailed', message);
      return { reason: 'InvalidImageName', message };
    }
    const image = findImage(reference);
    const policy = container.imagePullPolicy ?? (reference.tag === 'latest' && !reference.digest ? 'Always' : 'IfNotPresent');
    if (image && policy !== 'Always') {
      event('Normal', 'Pulled', `Container image "${name}" already present on machine`);
      return image;
    }
    if (policy === 'Never') {
      const message = `Container image "${name}" is not present with pull policy of Never`;
      event('Warning', 'ErrImageNeverPull', message);
      return { reason: 'ErrImageNeverPull', message };
    }
    const key = `${pod.metadata.uid}_${name}`;
    if (this.#backoff.isInBackoffSinceUpdate(key)) {
      event('Normal', 'BackOff', `Back-off pulling image "${name}"`);
      return {
        reason: 'ImagePullBackOff',
        message: `Back-off pulling image "${name}": ErrImagePull: ${this.#errors.get(key) ?? ''}`,
      };
    }
    event('Normal', 'Pulling', `Pulling image "${name}"`);
    if (!image) {
      const message = notFoundMessage(reference);
      event('Warning', 'Failed', `Failed to pull image "${name}": ${message}`);
      this.#backoff.next(key);
      this.#errors.set(key, message);
      return { reason: 'ErrImagePull', message };
    }
    const took = goDuration(1);
    event(
      'Normal',
      'Pulled',
      `Successfully pulled image "${name}" in ${took} (${took} including waiting). Image size: ${image.sizeBytes} bytes.`,
    );
    return image;
  }

  forgetPod(uid: string): void {
    for (const key of this.#errors.keys()) if (key.startsWith(uid)) this.#errors.delete(key);
    this.#backoff.forget(uid);
  }
}
