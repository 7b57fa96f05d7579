/// The picture while it is made: surface first (colour, height, light), then the light that reaches the camera.
final class Canvas {
  let size: Int
  /// Colour of the surface, later of the light; 1 is full scale.
  let red: Plane
  let green: Plane
  let blue: Plane
  /// Height of the surface towards the camera, in scene units.
  let height: Plane
  /// How much of the lamp's light arrives, by depth and folds.
  let light: Plane
  /// How steeply the wall itself falls away from the camera, along x and y.
  let slopeX: Plane
  let slopeY: Plane
  /// How much vessels darken the surface, 0 to 1.
  let vessels: Plane
  /// How strongly a surface shines, 1 for wet mucosa.
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
