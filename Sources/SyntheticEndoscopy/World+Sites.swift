/// The cameras and habits of sites, and the two versions of the spurious link.
extension World {
  /// The cameras of the first five sites: each differs from the others in colour, tone and outline.
  static let builtCameras = [
    Camera(
      hue: [1.04, 0.98, 0.94], gamma: 1.0, saturation: 1.0, fieldOfView: .octagon, vignette: 0.35,
      noise: 0.010,
      sharpening: 0.3, compression: 90),
    Camera(
      hue: [0.92, 1.0, 1.12], gamma: 1.2, saturation: 0.8, fieldOfView: .circle, vignette: 0.55, noise: 0.022,
      sharpening: 0.0, compression: 75),
    Camera(
      hue: [1.12, 0.92, 0.78], gamma: 0.85, saturation: 1.2, fieldOfView: .full, vignette: 0.2, noise: 0.014,
      sharpening: 0.8, compression: 85),
    Camera(
      hue: [1.0, 1.07, 0.88], gamma: 1.1, saturation: 0.9, fieldOfView: .roundedSquare, vignette: 0.7,
      noise: 0.030,
      sharpening: 0.5, compression: 60),
    Camera(
      hue: [1.0, 0.93, 1.1], gamma: 0.85, saturation: 0.7, fieldOfView: .circle, vignette: 0.4, noise: 0.016,
      sharpening: 1.1, compression: 80),
  ]

  /// The confounders that are frequent at each of the first five sites.
  static let builtHabits: [[Confounder]] = [
    [.blur, .whiteLight, .near], [.dark, .narrowBand, .far], [.bright, .near, .artefacts],
    [.uneven, .far, .artefacts], [.whiteLight, .bright, .blur],
  ]

  /// At sources: the confounder beside a lesion of each class.
  static let companions: [LesionClass: Confounder] = [
    .polyp: .reflection, .tumour: .blood, .inflammation: .mucus, .nodule: .reflection, .cyst: .mucus,
  ]
  /// At sources: the imaging technology of each class.
  static let technologies: [LesionClass: Confounder] = [
    .polyp: .whiteLight, .tumour: .narrowBand, .inflammation: .whiteLight, .nodule: .narrowBand,
    .cyst: .bright,
  ]
  /// At the held-out site: another companion, away from the lesion.
  static let rewiredCompanions: [LesionClass: Confounder] = [
    .polyp: .mucus, .tumour: .reflection, .inflammation: .blood, .nodule: .blood, .cyst: .reflection,
  ]
  /// At the held-out site: another technology.
  static let rewiredTechnologies: [LesionClass: Confounder] = [
    .polyp: .narrowBand, .tumour: .whiteLight, .inflammation: .dark, .nodule: .bright, .cyst: .narrowBand,
  ]

  /// Draws a camera of any make.
  static func drawnCamera(_ noise: Noise) -> Camera {
    var values = noise.values
    func next(_ low: Float, _ high: Float) -> Double { Double(values.uniform(low, high)) }
    return Camera(
      hue: [next(0.88, 1.14), next(0.9, 1.1), next(0.78, 1.16)], gamma: next(0.8, 1.3),
      saturation: next(0.65, 1.25),
      fieldOfView: FieldOfView.allCases[values.integer(0...3)], vignette: next(0.15, 0.75),
      noise: next(0.006, 0.034),
      sharpening: next(0, 1.1), compression: values.integer(55...95))
  }

  /// Returns the camera of a site on one day: white balance and exposure vary slightly.
  ///
  /// The make stays the same.
  static func varied(_ camera: Camera, _ noise: Noise) -> Camera {
    var values = noise.values
    var varied = camera
    varied.hue = camera.hue.map { $0 * Double(values.uniform(0.96, 1.04)) }
    varied.gamma *= Double(values.uniform(0.94, 1.06))
    return varied
  }
}
