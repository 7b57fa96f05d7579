import Imaging
import Torch

/// One rendered image and its ground truth.
package struct Rendering: Sendable {
  /// The image, RGB, size×size.
  package let image: Image
  /// The lesion, one channel, size×size: 255 inside its outline and the field of view, else 0.
  package let mask: Image
  /// The magnification of the scene compared with no near or far.
  package let zoom: Double
}

/// Renders draws: first the scene, then imaging, then the camera of the site.
///
/// See docs/explanation/causal-model.md. Equal draws give equal bytes, independent of other
/// renderings and of the number of threads.
package struct Renderer: Sendable {
  /// The side of the images, in pixels.
  package let size: Int
  /// Whether to apply the JPEG compression of the camera.
  package let compresses: Bool

  /// Makes a renderer of images with a side in pixels.
  package init(size: Int) { self.init(size: size, compresses: true) }

  /// Makes a renderer.
  ///
  /// - Parameters:
  ///   - size: the side of the images, in pixels.
  ///   - compresses: whether to apply the compression of the camera; false if images are then
  ///     written as JPEG of that quality.
  package init(size: Int, compresses: Bool) {
    self.size = size
    self.compresses = compresses
  }

  /// Returns the factor by which near and far zoom about the centre of the image.
  static func zoom(_ draw: Draw) -> Float {
    (1 + 0.65 * draw.strength(.near)) * (1 - 0.40 * draw.strength(.far))
  }

  /// Renders one image.
  ///
  /// - Throws: `ImagingError` if the size is below 16, or from the JPEG codec.
  package func render(_ draw: Draw) throws -> Rendering {
    guard size >= 16 else {
      throw ImagingError.invalidImage(reason: "\(size) pixels a side; a rendering needs at least 16")
    }
    let zoom = Self.zoom(draw)
    let view = View(size: size, zoom: zoom)
    let scene = Scene(draw.noise, draw.anatomy)
    let lesion = draw.lesion.map { Lesion($0, in: scene) }
    let canvas = Canvas(size: size)

    if let larynx = scene.larynx {
      larynx.paint(scene, canvas, in: view)
    } else {
      Mucosa.paint(scene, canvas, in: view)
    }
    Vessels(
      scene.noise["vessels"], trees: scene.larynx == nil ? 11 : 5, centre: .zero, reach: 1.2, width: 0.017
    )
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

  /// Renders many images on all cores, in order.
  ///
  /// - Throws: the first error in the order of the draws.
  package func render(_ draws: [Draw]) throws -> [Rendering] { try render(draws, threads: nil) }

  /// Renders many images on a number of threads (nil for all cores), in order.
  ///
  /// - Throws: the first error in the order of the draws.
  package func render(_ draws: [Draw], threads: Int?) throws -> [Rendering] {
    try concurrentMap(count: draws.count, threads: threads) { try render(draws[$0]) }
  }
}
