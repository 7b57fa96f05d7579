import Imaging
import Torch

/// One picture and what is true of it.
package struct Rendering: Sendable {
  /// The picture, RGB, size×size.
  package let image: Image
  /// The lesion, one channel, size×size: 255 inside its outline and the field of view, else 0.
  package let mask: Image
  /// How much larger the scene appears than without near or far.
  package let zoom: Double
}

/// Renders draws: scene, then imaging, then the site's camera, as
/// docs/explanation/causal-model.md says.
///
/// Equal draws give equal bytes, whatever else is rendered and on however many threads.
package struct Renderer: Sendable {
  /// The side of the pictures, in pixels.
  package let size: Int
  /// Whether the camera's JPEG compression is applied.
  package let compresses: Bool

  /// Makes a renderer of pictures with a side in pixels.
  package init(size: Int) { self.init(size: size, compresses: true) }

  /// Makes a renderer.
  ///
  /// - Parameters:
  ///   - size: the side of the pictures, in pixels.
  ///   - compresses: whether to apply the camera's compression; false where pictures are then written as JPEG of
  ///     that quality.
  package init(size: Int, compresses: Bool) {
    self.size = size
    self.compresses = compresses
  }

  /// The factor by which near and far zoom about the image's centre.
  static func zoom(_ draw: Draw) -> Float {
    (1 + 0.65 * draw.strength(.near)) * (1 - 0.40 * draw.strength(.far))
  }

  /// Renders one picture.
  ///
  /// - Throws: `ImagingError` when the size is below 16, or from the JPEG codec.
  package func render(_ draw: Draw) throws -> Rendering {
    guard size >= 16 else {
      throw ImagingError.invalidImage(reason: "\(size) pixels a side; a rendering needs at least 16")
    }
    let zoom = Self.zoom(draw)
    let view = View(size: size, zoom: zoom)
    let scene = Scene(draw.noise)
    let lesion = draw.lesion.map { Lesion($0, in: scene) }
    let canvas = Canvas(size: size)

    Mucosa.paint(scene, canvas, in: view)
    Vessels(scene.noise["vessels"], trees: 11, centre: .zero, reach: 1.2, width: 0.017)
      .draw(on: canvas.vessels, strength: scene.vesselStrength, in: view)
    Vessels.sink(canvas.vessels, scene.noise["vessels"]["depth"], in: view)
    let outline = lesion?.paint(scene, canvas, in: view)
    Lighting.apply(scene, canvas, in: view)

    SurfaceConfounders(draw: draw, scene: scene, lesion: lesion, view: view).apply(canvas)
    let imaging = ImagingConfounders(draw: draw, scene: scene, view: view)
    imaging.applyLight(canvas, spot: SurfaceConfounders.place(of: .uneven, draw, scene, lesion) * zoom)
    imaging.applyOptics(canvas)

    let model = CameraModel(camera: draw.camera, noise: scene.noise["sensor"], size: size)
    let aperture = Plane(size: size)
    for y in 0..<size {
      let row = aperture.row(y)
      for x in 0..<size { row[x] = model.aperture(x, y) }
    }
    var image = try Image(
      width: size, height: size, channels: 3, pixels: model.develop(canvas, aperture: aperture))
    if compresses, (1..<100).contains(draw.camera.compression) {
      let file = try image.jpegData(quality: draw.camera.compression)
      image = try ImageFile.decode([UInt8](file), file: "rendering of \(draw.scene)")
    }
    let count = size * size
    let mask = [UInt8](unsafeUninitializedCapacity: count) { target, used in
      for index in 0..<count {
        target[index] = (outline?.values[index] ?? 9) < 1 && aperture.values[index] > 0.5 ? 255 : 0
      }
      used = count
    }
    return Rendering(
      image: image, mask: try Image(width: size, height: size, channels: 1, pixels: mask), zoom: Double(zoom))
  }

  /// Renders many pictures on all cores; the order is kept.
  ///
  /// - Throws: the first error in the order of the draws.
  package func render(_ draws: [Draw]) throws -> [Rendering] { try render(draws, threads: nil) }

  /// Renders many pictures on a number of threads, nil for all cores; the order is kept.
  ///
  /// - Throws: the first error in the order of the draws.
  package func render(_ draws: [Draw], threads: Int?) throws -> [Rendering] {
    try concurrentMap(count: draws.count, threads: threads) { try render(draws[$0]) }
  }
}
