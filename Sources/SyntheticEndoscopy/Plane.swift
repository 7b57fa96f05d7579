/// One float32 per pixel, row by row: the working memory of a rendering.
///
/// It is plain memory, so that the compiler can use vector instructions in loops over rows. Threads
/// never share it.
final class Plane {
  let size: Int
  let values: UnsafeMutablePointer<Float>
  var count: Int { size * size }

  init(size: Int, filledWith value: Float = 0) {
    self.size = size
    values = .allocate(capacity: size * size)
    values.initialize(repeating: value, count: size * size)
  }

  deinit { values.deallocate() }

  @inline(__always)
  func row(_ y: Int) -> UnsafeMutablePointer<Float> { values + y * size }
}

/// The map from pixels of the camera to positions on the mucosa, in half image widths at zoom 1.
struct View {
  let size: Int
  let zoom: Float
  /// The distance of two neighbouring pixels in the scene.
  let pixel: Float

  init(size: Int, zoom: Float) {
    self.size = size
    self.zoom = zoom
    pixel = 2 / Float(size) / zoom
  }

  /// Returns the scene coordinate of a column or row.
  @inline(__always)
  func position(_ index: Int) -> Float { (Float(index) + 0.5 - 0.5 * Float(size)) * pixel }

  /// Returns the column or row of a scene coordinate, with a fraction.
  func index(_ position: Float) -> Float { position / pixel + 0.5 * Float(size) - 0.5 }

  /// Returns the columns or rows within a distance of a place.
  func indices(around position: Float, _ distance: Float) -> Range<Int> {
    let low = max(0, min(Float(size), index(position - distance).rounded(.down)))
    let high = max(0, min(Float(size), index(position + distance).rounded(.up) + 1))
    return Int(low)..<max(Int(low), Int(high))
  }
}

/// A rectangle of pixels, for changes to a part of the image.
struct Region {
  var columns: Range<Int>
  var rows: Range<Int>

  init(columns: Range<Int>, rows: Range<Int>) {
    self.columns = columns
    self.rows = rows
  }

  init(whole size: Int) { self.init(columns: 0..<size, rows: 0..<size) }

  /// Makes the region of the pixels within a distance of a place.
  init(around centre: SIMD2<Float>, _ distance: Float, in view: View) {
    columns = view.indices(around: centre.x, distance)
    rows = view.indices(around: centre.y, distance)
  }
}

@inline(__always)
func clamped(_ value: Float, _ low: Float = 0, _ high: Float = 1) -> Float { max(low, min(high, value)) }

/// Returns 0 below `low`, 1 above `high`, and a smooth transition between them.
@inline(__always)
func smoothStep(_ value: Float, _ low: Float, _ high: Float) -> Float {
  let t = clamped((value - low) / (high - low))
  return t * t * (3 - 2 * t)
}

@inline(__always)
func mix(_ a: Float, _ b: Float, _ share: Float) -> Float { a + (b - a) * share }
