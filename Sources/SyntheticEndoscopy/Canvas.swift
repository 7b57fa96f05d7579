/// The image during rendering.
///
/// It first holds the surface (colour, height, light), then the light that reaches the camera.
final class Canvas {
  let size: Int
  /// The colour of the surface, later of the light; 1 is full scale.
  let red: Plane
  let green: Plane
  let blue: Plane
  /// The height of the surface towards the camera, in scene units.
  let height: Plane
  /// The share of the lamp's light that arrives, from depth and folds.
  let light: Plane
  /// The slope of the wall itself away from the camera, along x and y.
  let slopeX: Plane
  let slopeY: Plane
  /// How much vessels darken the surface, 0 to 1.
  let vessels: Plane
  /// The gloss of the surface, 1 for wet mucosa.
  let gloss: Plane

  init(size: Int) {
    self.size = size
    red = Plane(size: size)
    green = Plane(size: size)
    blue = Plane(size: size)
    height = Plane(size: size)
    light = Plane(size: size)
    slopeX = Plane(size: size)
    slopeY = Plane(size: size)
    vessels = Plane(size: size)
    gloss = Plane(size: size, filledWith: 1)
  }

  var colours: [Plane] { [red, green, blue] }
}

/// Red, green and blue.
typealias Colour = SIMD3<Float>
