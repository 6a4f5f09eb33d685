// Provides a canvas with one pixel for each pixel of the screen, up to two per CSS pixel in each direction.

/** A canvas and its size. */
export class Surface {
  #image = null;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.ratio = 1;
  }

  /** Adapts the number of pixels to the size that the page's layout gives to the canvas. */
  fit() {
    const { canvas } = this;
    this.ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.round(side * this.ratio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  }

  /** The width in CSS pixels. */
  get width() { return this.canvas.width / this.ratio; }

  /** The height in CSS pixels. */
  get height() { return this.canvas.height / this.ratio; }

  /** A text that changes whenever the canvas loses its drawing. */
  get size() { return `${this.canvas.width} × ${this.canvas.height} / ${this.ratio}`; }

  /**
   * Clears the canvas.
   * @returns {CanvasRenderingContext2D} a context that draws in CSS pixels
   */
  clear() {
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    return context;
  }

  /**
   * Shows an image.
   * @param {function(Uint32Array)} fill - fills the empty pixels with numbers 0xAABBGGRR
   */
  paint(fill) {
    const { width, height } = this.canvas, context = this.canvas.getContext("2d");
    if (this.#image?.width !== width || this.#image?.height !== height)
      this.#image = context.createImageData(width, height);
    const pixels = new Uint32Array(this.#image.data.buffer);
    pixels.fill(0);
    fill(pixels);
    context.putImageData(this.#image, 0, 0);
  }
}
