extension Draw {
  /// From which strength on a caption mentions a confounder.
  public static let visibleStrength = 0.3

  /// What is true of the picture, in the sentences of `Prompts/endoscopy.json5`.
  ///
  /// With a lesion: its class, each confounder that can be seen, and the class with each of them. Without: that the
  /// mucosa is normal, in both wordings, and each confounder.
  public var captions: [String] {
    let visible = Confounder.allCases.filter { (strengths[$0] ?? 0) >= Self.visibleStrength }
    let confounders = visible.map { "An endoscopy image with \($0.words)" }
    guard let lesion else {
      return ["A normal endoscopic image", "An endoscopic image of normal mucosa"] + confounders
    }
    return ["A \(lesion.rawValue) in an endoscopic image"] + confounders
      + visible.map { "A \(lesion.rawValue) with \($0.words)" }
  }
}
