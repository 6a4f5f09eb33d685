// Mounts the workbench and connects state, controls, histogram, map, results and inspector. Python sends the run once,
// as one block of bytes, and its answers separately: streamlit.js and notebook.js bring both.

import { keepFocus } from "./common/keep_focus.js";
import { shallowEqual } from "./common/memo.js";
import { FULL_SIDE, pictureUrl, pointPictureUrl } from "./common/pictures.js";
import { connectTabStop } from "./common/tab_stop.js";
import { offeredTags } from "./common/tags.js";
import { shownMethods } from "./compute/query.js";
import { histogramFigure, mapFigure } from "./figures/chart_figures.js";
import { rowsFigure } from "./figures/rows_figure.js";
import { saveFigure } from "./figures/save_figure.js";
import { connectHistogram } from "./canvas_input/histogram_input.js";
import { connectKeyboard } from "./results/keyboard.js";
import { connectMap } from "./canvas_input/map_input.js";
import { Surface } from "./map/canvas.js";
import { readPageColours } from "./map/colours.js";
import { connectEnlarging } from "./map/enlarge.js";
import { connectDecideMenu } from "./decisions/decide_menu.js";
import { createDecisionLine } from "./decisions/decision_line.js";
import { createBreakdown } from "./findings/breakdown.js";
import { createHeadline } from "./findings/headline.js";
import { createSlices } from "./findings/slices.js";
import { connectControls } from "./panels/controls.js";
import { createFalseAlarmRate } from "./panels/false_alarm_rate.js";
import { createBadgeLegend } from "./results/badge_legend.js";
import { createExportMenu } from "./panels/export_menu.js";
import { createFilters } from "./panels/filters.js";
import { connectGuide } from "./panels/guide.js";
import { createInspector } from "./panels/inspector.js";
import { createLightbox } from "./panels/lightbox.js";
import { createMapNote } from "./panels/map_note.js";
import { createQuestions } from "./panels/questions.js";
import { createRenderer } from "./renderer.js";
import { connectMenus } from "./results/menus.js";
import { createResults } from "./results/results.js";
import { createToolbar } from "./results/toolbar.js";
import { createActions } from "./state/actions.js";
import { changeForAnswer, changeForRun } from "./state/messages.js";
import { createPublicApi } from "./state/public_api.js";
import { createScoring, createSubset } from "./state/selectors.js";
import { createStore } from "./state/store.js";

/**
 * Creates the workbench in an element that holds inspect.html.
 * @param {Element|ShadowRoot} root
 * @param {function(string, string)} send - sends a message under a name to Python
 * @returns {{live: object, load: function(object, ?object), receive: function(object), writeColours: function(), listen:
 *   function(function(object)), stop: function()}} live: the public interface (see public_api.js); load takes a run
 *   (see decode_run.js) and Python's last answer, if there is one; receive takes a further answer; writeColours follows
 *   a change of the page's theme; listen adds a function to call with each new state; stop ends the observation of the
 *   page
 */
export function createView(root, send) {
  const $ = (selector) => root.querySelector(selector);
  const surfaceOf = (selector) => new Surface($(selector));
  const surfaces = { histogram: surfaceOf(".hist"), map: surfaceOf(".map"), overlay: surfaceOf(".over") };
  const store = createStore(), scoringOf = createScoring();
  const selectors = { scoringOf, subsetOf: createSubset(scoringOf) };
  const requestFrame = () => renderer.request();
  const actions = createActions(store, surfaces.map, send, selectors.subsetOf);
  const { panels, commands, stop } = createPanels(root, store, selectors, actions, requestFrame);
  const renderer = createRenderer(root, surfaces, store, selectors, actions.toggleSet, panels);
  const receive = (answer) => {
    store.update(changeForAnswer(store.state, answer));
    actions.acknowledge(answer.done);
  };
  const colourChange = () => {
    const pageColours = readPageColours($(".live"));
    return shallowEqual(pageColours, store.state.pageColours ?? {}) ? {} : { pageColours };
  };
  connectInput(root, surfaces, store, scoringOf, actions, requestFrame, commands);
  const stopResizing = observeSizes(surfaces, requestFrame);

  return {
    live: createPublicApi(root, store, selectors, renderer.stats, receive),
    load(run, answer) {
      const isNew = store.state.run?.version !== run.version;
      store.update({ ...colourChange(), ...(isNew ? changeForRun(store.state, run, answer) : {}) });
    },
    receive,
    writeColours: () => store.update(colourChange()),
    listen: store.listen,
    stop() {
      stopResizing();
      stop();
    },
  };
}

/** Creates the panels: functions that write a state, commands that the keyboard gives, and a function that stops them.
 *  */
function createPanels(root, store, selectors, actions, requestFrame) {
  const results = createResults(root, actions, requestFrame), lightbox = createLightbox(root);
  const menus = connectMenus(root, results.focus);
  const panels = {
    headline: createHeadline(root),
    slices: createSlices(root, actions),
    questions: createQuestions(root, actions),
    filters: createFilters(root, actions),
    breakdown: createBreakdown(root, actions, requestFrame),
    mapNote: createMapNote(root, actions),
    exportMenu: createExportMenu(root), // before the toolbar, which writes the addresses of its links
    decideMenu: connectDecideMenu(root, actions, menus),
    decisionLine: createDecisionLine(root, actions),
    toolbar: createToolbar(root, actions, menus, createFigureSaver(store, selectors)),
    falseAlarmRate: createFalseAlarmRate(root, actions),
    badgeLegend: createBadgeLegend(root),
    results: results.update,
    inspector: createInspector(root, actions, lightbox),
  };
  const commands = {
    reveal: () => requestAnimationFrame(results.reveal),
    openTagMenu: () => menus.open(root.querySelector(".tagging"), root.querySelector(".new-tag")),
    enlarge() {
      const { run, inspected, sampleDetail } = store.state, i = run.pointOf[inspected];
      if (i >= 0) lightbox(pointPictureUrl(run, i, FULL_SIDE));
      else if (sampleDetail?.number === inspected)
        lightbox(pictureUrl(run, sampleDetail.set, sampleDetail.row, FULL_SIDE));
    },
    focusResults: results.focus,
    get perRow() { return results.perRow; },
  };
  const stop = () => {
    results.stop();
    menus.stop();
  };
  return { panels, commands, stop };
}

/** Returns a function that saves a figure of the current state. */
function createFigureSaver(store, { scoringOf, subsetOf }) {
  const figures = {
    rows(state, scoring) {
      const { run, query } = state;
      return rowsFigure(run, subsetOf(state).points, shownMethods(run, query, scoring));
    },
    histogram: histogramFigure,
    map: mapFigure,
  };
  return async (name, format) => {
    const { state } = store;
    await saveFigure(await figures[name](state, scoringOf(state)), format, `${state.run.id}-${name}`);
  };
}

/** Connects controls, pointer and keyboard with the actions. A change of the state is written into the controls at
 *  once, and into everything else with the next frame. */
function connectInput(root, surfaces, store, scoringOf, actions, requestFrame, commands) {
  const current = {
    get beta() { return store.state.beta; },
    get tool() { return store.state.tool; },
    get inspected() { return store.state.inspected; },
    get selectedCount() { return store.state.selectedSamples.size; },
    get canUndo() { return store.state.taggings.some((step) => !step.isUndone); },
    get truth() { return store.state.run?.truth; },
    get tags() { return offeredTags(store.state.tags); },
    get perRow() { return commands.perRow; },
    get histogram() { return store.state.run && scoringOf(store.state).histogram; },
    get cutoff() { return scoringOf(store.state).cutoff; },
    get threshold95() { return scoringOf(store.state).threshold95; },
  };
  store.listen(connectControls(root, current, actions));
  store.listen(requestFrame);
  connectHistogram(surfaces.histogram, current, actions);
  connectMap(surfaces.map.canvas, current, actions);
  connectEnlarging(root);
  connectKeyboard(root.querySelector(".live"), current, actions, commands);
  connectGuide(root);
  connectFocus(root, commands.focusResults);
}

const GROUPS = ".top-slices, .questions, .chips, .tools, .numbers tbody, .slices, .breakdown, .head";

/** Makes every group of controls one stop of the Tab key, and keeps the focus where controls are replaced. */
function connectFocus(root, focusResults) {
  root.querySelector(".skip").onclick = (e) => {
    e.preventDefault();
    focusResults();
  };
  keepFocus(root.querySelector(".inspector"), "button, summary, input", focusResults);
  for (const group of root.querySelectorAll(GROUPS))
    connectTabStop(group, "button", focusResults);
}

/** Adapts the canvases to the page's layout; returns a function that ends that. */
function observeSizes(surfaces, requestFrame) {
  const all = Object.values(surfaces);
  const fitAll = () => {
    for (const surface of all) surface.fit();
    requestFrame();
  };
  fitAll(); // The first frame may come before the observer's first call.
  const observer = new ResizeObserver(fitAll);
  for (const surface of all) observer.observe(surface.canvas);
  return () => observer.disconnect();
}
