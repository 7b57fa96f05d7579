@testable import SyntheticEndoscopy

/// The largest difference of two pictures' colours at a pixel.
func difference(_ one: Rendering, _ other: Rendering, at pixel: Int) -> Int {
  var largest = 0
  for channel in 0..<3 {
    let (a, b) = (Int(one.image.pixels[3 * pixel + channel]), Int(other.image.pixels[3 * pixel + channel]))
    largest = max(largest, abs(a - b))
  }
  return largest
}

/// The mean difference of two pictures' samples.
func meanDifference(_ one: Rendering, _ other: Rendering) -> Double {
  var sum = 0
  for (a, b) in zip(one.image.pixels, other.image.pixels) { sum += abs(Int(a) - Int(b)) }
  return Double(sum) / Double(one.image.pixels.count)
}

/// How many pixels are lesion.
func area(_ rendering: Rendering) -> Int { rendering.mask.pixels.count { $0 > 0 } }

/// The scene's position of a pixel at zoom 1.
func position(_ pixel: Int, size: Int) -> SIMD2<Float> {
  let view = View(size: size, zoom: 1)
  return SIMD2(view.position(pixel % size), view.position(pixel / size))
}
