import { isObject } from '../registry/json.ts';
import type { KubeObject } from '../registry/resources.ts';
import { type FieldError, forbidden, invalid, required, tooLong } from './field-error.ts';
import { annotationKeyProblems, labelValueProblems, nameProblems, qualifiedNameProblems } from './names.ts';
import type { ResourceType } from './resource-type.ts';

const ANNOTATIONS_LIMIT = 256 * 1024;

/** Upstream's ValidateObjectMeta and ValidateObjectMetaUpdate (apimachinery/pkg/api/validation/objectmeta.go). */
export function validateMetadata(type: ResourceType, object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const { metadata } = object;
  const errors: FieldError[] = [];
  if (metadata.generateName) {
    for (const problem of nameProblems(type.nameRule, metadata.generateName.replace(/-$/, 'a'))) {
      errors.push(invalid('metadata.generateName', metadata.generateName, problem));
    }
  }
  if (!metadata.name) errors.push(required('metadata.name', 'name or generateName is required'));
  else if (!old) {
    for (const problem of nameProblems(type.nameRule, metadata.name))
      errors.push(invalid('metadata.name', metadata.name, problem));
  }
  errors.push(...labelErrors(metadata.labels, 'metadata.labels'));
  errors.push(...annotationErrors(metadata.annotations, 'metadata.annotations'));
  const controllers = (metadata.ownerReferences ?? []).filter(owner => owner.controller);
  for (const [index, owner] of (metadata.ownerReferences ?? []).entries()) {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (!owner[field])
        errors.push(invalid(`metadata.ownerReferences[${index}].${field}`, owner[field] ?? '', 'must not be empty'));
    }
  }
  if (controllers.length > 1) {
    errors.push(
      invalid(
        'metadata.ownerReferences',
        metadata.ownerReferences,
        `Only one reference can have Controller set to true. Found "true" in references for ${controllers[0]?.name} and ${controllers[1]?.name}`,
      ),
    );
  }
  for (const finalizer of metadata.finalizers ?? []) {
    for (const problem of qualifiedNameProblems(finalizer)) errors.push(invalid('metadata.finalizers', finalizer, problem));
  }
  if (old?.metadata.deletionTimestamp) {
    const before = new Set(old.metadata.finalizers);
    const added = (metadata.finalizers ?? []).filter(name => !before.has(name));
    if (added.length > 0) {
      errors.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map(name => JSON.stringify(name)).join(', ')}}`,
        ),
      );
    }
  }
  return errors;
}

/** Keys and values of labels; `field` as in `metadata.labels`. */
export function labelErrors(labels: unknown, field: string): FieldError[] {
  if (!isObject(labels)) return [];
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels)) {
    for (const problem of qualifiedNameProblems(key)) errors.push(invalid(field, key, problem));
    for (const problem of labelValueProblems(String(value))) errors.push(invalid(field, value, problem));
  }
  return errors;
}

export function annotationErrors(annotations: unknown, field: string): FieldError[] {
  if (!isObject(annotations)) return [];
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    for (const problem of annotationKeyProblems(key)) errors.push(invalid(field, key, problem));
    size += Buffer.byteLength(key) + Buffer.byteLength(String(value));
  }
  if (size > ANNOTATIONS_LIMIT) errors.push(tooLong(field, ANNOTATIONS_LIMIT));
  return errors;
}
