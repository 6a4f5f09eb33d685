// Mounts the component that brings Python's answers to the workbench of the same view, whichever of the two is mounted
// first.

import { deliverAnswer } from "./state/view_registry.js";

/**
 * Mounts the component.
 * @param {{data: object}} component - the answer, see app/workbench/browser_state.py
 */
export default function ({ data }) {
  deliverAnswer(data);
}
