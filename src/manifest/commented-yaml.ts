import { Document, isCollection, isMap, isScalar, stringify, type Node } from 'yaml';
import { joinPointer, type Pointer } from '../text/json.ts';

/** YAML with a comment behind values. Lists of plain values, and what is empty, are one line each. */
export function formatCommentedYaml(content: unknown, commentOn: (pointer: Pointer) => string | undefined): string {
  const document = new Document(content, { aliasDuplicateObjects: false });
  annotate(document.contents, '', commentOn);
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function annotate(node: unknown, pointer: Pointer, commentOn: (pointer: Pointer) => string | undefined): void {
  if (!isScalar(node) && !isCollection(node)) return;
  if (isCollection(node) && !isMap(node) && node.items.every((item) => isScalar(item))) node.flow = true;
  const comment = commentOn(pointer);
  if (comment !== undefined) (node as Node).comment = ` ${comment}`;
  if (isMap(node)) {
    for (const { key, value } of node.items)
      annotate(value, joinPointer(pointer, String(isScalar(key) ? key.value : key)), commentOn);
  } else if (isCollection(node)) {
    for (const [at, item] of node.items.entries()) annotate(item, joinPointer(pointer, at), commentOn);
  }
}

/** YAML for kubectl, to which a plain `off` is no text; a text of several lines is one of several lines. */
export function formatObjectYaml(content: unknown): string {
  return stringify(content, { compat: 'yaml-1.1', lineWidth: 0, aliasDuplicateObjects: false, singleQuote: true });
}
