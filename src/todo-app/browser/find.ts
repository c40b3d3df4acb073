/** The element that the page is known to have. @throws TypeError for any other */
export function find<E extends Element>(
  within: ParentNode,
  selector: string,
  kind: new () => E,
): E {
  const element = within.querySelector(selector);
  if (!(element instanceof kind)) throw new TypeError(`the page has no ${selector}`);
  return element;
}
