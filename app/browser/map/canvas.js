// A canvas with a pixel for every pixel of the screen, up to two per CSS pixel.

export class Surface {
  #image = null;

  constructor(canvas) {
    this.canvas = canvas;
    this.ratio = 1;
  }

  /** Follow the size that the page gives to the canvas. */
  fit() {
    const { canvas } = this;
    this.ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.round(side * this.ratio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  }

  get width() { return this.canvas.width / this.ratio; } // in CSS pixels
  get height() { return this.canvas.height / this.ratio; }

  /** Another one whenever a drawing is lost. */
  get size() { return `${this.canvas.width} × ${this.canvas.height} / ${this.ratio}`; }

  /** Empty, to be drawn on in CSS pixels. */
  cleared() {
    const g = this.canvas.getContext("2d");
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, this.width, this.height);
    return g;
  }

  /** Show an image that `paint` fills: its pixels, as numbers 0xAABBGGRR, come empty. */
  paint(paint) {
    const { width, height } = this.canvas, g = this.canvas.getContext("2d");
    if (this.#image?.width !== width || this.#image?.height !== height) this.#image = g.createImageData(width, height);
    const pixels = new Uint32Array(this.#image.data.buffer);
    pixels.fill(0);
    paint(pixels);
    g.putImageData(this.#image, 0, 0);
  }
}
