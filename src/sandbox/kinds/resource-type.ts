import type { KubeObject, ResourceName } from '../registry/resources.ts';
import type { Schema } from '../schema/schemas.ts';
import type { FieldError } from './field-error.ts';
import type { Column } from './table.ts';

/** One kind that the sandbox serves: what discovery says of it, and upstream's registry strategy for it. */
export interface ResourceType {
  readonly resource: ResourceName;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Has a status subresource: a plain write leaves status alone, a write of status leaves the rest alone. */
  readonly status: boolean;
  readonly scale: ScalePaths | undefined;
  /** Upstream counts metadata.generation for this kind. */
  readonly generation: boolean;
  /** Status given at creation is kept (Node: the kubelet registers itself with it). */
  readonly keepsStatusOnCreate: boolean;
  /** Names follow RFC 1035 (Service), RFC 1123 label (Namespace), path segment (RBAC) or, by default, RFC 1123 subdomain. */
  readonly nameRule: 'subdomain' | 'label' | 'label1035' | 'path';
  /** Only POST, nothing stored: the access reviews. */
  readonly createOnly: boolean;
  /** Values of the selectable fields besides metadata.name and metadata.namespace. */
  readonly fields: Readonly<Record<string, (object: KubeObject) => string>>;
  /**
   * Nothing in the sandbox acts on this kind: lists of it are empty and writing is refused. It is served at all because clients
   * ask for it unasked (`kubectl apply --prune`, `kubectl describe namespace`).
   */
  readonly alwaysEmpty: boolean;
  /** Fills in upstream's defaults, in place. */
  readonly defaults: (object: KubeObject) => void;
  /** Upstream's PrepareForCreate / PrepareForUpdate, in place. */
  readonly prepare: ((object: KubeObject, old: KubeObject | undefined) => void) | undefined;
  readonly validate: (object: KubeObject, old: KubeObject | undefined) => FieldError[];
  readonly warnings: ((object: KubeObject) => string[]) | undefined;
  readonly columns: readonly Column[];
  /** Came with a CustomResourceDefinition. */
  readonly custom: boolean;
  /** Of a custom kind; the schemas of the others are in schema/. */
  readonly schema: Schema | undefined;
}

export interface ScalePaths {
  specReplicas: string;
  statusReplicas: string;
  labelSelector: string | undefined;
}
