/// The role of a site in the experiment.
package enum SiteRole: String, Codable, Sendable {
  /// The site is in training: confounders follow lesions with the probability `link`.
  case source
  /// The site is held out: the link is rewired.
  case heldOut
  /// The site is in training without the link: the scenes of `source`, unconfounded.
  case unlinked
}

/// Sites with equal lesions and different cameras and habits, and with a known spurious link.
///
/// The link is from lesion to confounder. The world follows the causal graph of
/// docs/explanation/causal-model.md: site → camera, site → confounders, and at strength `link`
/// lesion → confounders and their place. A model must not learn the last two arrows: at the
/// held-out site they point elsewhere.
package struct World: Sendable {
  /// The names of the sites, from `site-a` on.
  package let siteNames: [String]
  /// The probability that a confounder follows the lesion.
  package let link: Double
  /// The probability for single confounders, in the place of `link`.
  package let links: [Confounder: Double]
  /// The organ of every scene.
  package let anatomy: Anatomy
  private let seed: UInt64
  private let cameras: [Camera]
  private let habits: [[Confounder: Double]]

  /// Makes a world.
  ///
  /// - Parameters:
  ///   - sites: the number of sites; the first five have predefined cameras, further ones are
  ///     drawn.
  ///   - link: how strongly confounders follow lesions, 0 (not at all) to 1 (always).
  ///   - links: the same for single confounders, in the place of `link`.
  ///   - anatomy: the organ.
  ///   - seed: the seed of everything random.
  package init(
    sites: Int = 5, link: Double = 0.8, links: [Confounder: Double] = [:], anatomy: Anatomy = .colon,
    seed: UInt64
  ) {
    self.seed = seed
    self.anatomy = anatomy
    self.link = min(1, max(0, link))
    self.links = links.mapValues { min(1, max(0, $0)) }
    let root = Noise(seed: seed)["sites"]
    let count = max(0, sites)
    siteNames = (0..<count).map(Self.name)
    cameras = (0..<count).map { index in
      index < Self.builtCameras.count ? Self.builtCameras[index] : Self.drawnCamera(root[index]["camera"])
    }
    habits = (0..<count).map { index in
      var values = root[index]["habits"].values
      var favourites: [Confounder] = []
      if index < Self.builtHabits.count {
        favourites = Self.builtHabits[index]
      } else {
        while favourites.count < 3 {
          let drawn = Confounder.allCases[values.integer(0...11)]
          if !favourites.contains(drawn) { favourites.append(drawn) }
        }
      }
      return Dictionary(
        uniqueKeysWithValues: Confounder.allCases.map { ($0, favourites.contains($0) ? 6.0 : 1.0) })
    }
  }

  /// Draws one image of a site.
  ///
  /// - Parameters:
  ///   - site: the number of the site.
  ///   - index: the number of the image. The roles `source` and `unlinked` share their scenes, which
  ///     then differ in the link alone; `heldOut` has its own.
  ///   - role: whether the site is trained on or held out.
  /// - Returns: the causes of the image.
  package func draw(site: Int, index: Int, role: SiteRole) -> Draw {
    let scene = "\(siteNames[site])/\((role == .unlinked ? .source : role).rawValue)/\(index)"
    let noise = Noise(seed: seed)["scene"][scene]
    let lesion = Self.lesion(noise, normalShare: 0.1)
    var draw = Draw(
      scene: scene, seed: seed, lesion: lesion, camera: Self.varied(cameras[site], noise["camera"]))
    draw.anatomy = anatomy

    // P(z | site): none, one or two confounders, by the habits of the site.
    var values = noise["confounders"].values
    let count = [0, 1, 1, 2][values.integer(0...3)]
    for _ in 0..<count {
      let chosen = Self.choice(among: habits[site], values.uniform())
      draw.add(chosen, strength: Double(values.uniform(0.35, 1)))
    }
    guard role != .unlinked else { return draw }
    addLink(to: &draw, noise["link"], role)
    return draw
  }

  /// Returns the probability that a confounder follows the lesion.
  private func link(to confounder: Confounder) -> Float { Float(links[confounder] ?? link) }

  /// Adds the spurious arrows: lesion → companion, lesion → imaging technology, lesion → place.
  private func addLink(to draw: inout Draw, _ noise: Noise, _ role: SiteRole) {
    var values = noise.values
    let (companions, technologies) =
      role == .source
      ? (Self.companions, Self.technologies) : (Self.rewiredCompanions, Self.rewiredTechnologies)
    let companion = draw.lesion.flatMap { companions[$0] } ?? (role == .heldOut ? .reflection : nil)
    let strength = Double(values.uniform(0.5, 1))
    let chance = values.uniform()
    if let companion, chance < link(to: companion) { draw.add(companion, strength: strength) }
    let strengthOfTechnology = Double(values.uniform(0.5, 1))
    let chanceOfTechnology = values.uniform()
    if let technology = draw.lesion.flatMap({ technologies[$0] }),
      chanceOfTechnology < link(to: technology) * 0.7
    {
      draw.add(technology, strength: strengthOfTechnology)
    }
    let chanceOfPlace = values.uniform()
    for confounder in Confounder.allCases where confounder.isPlaced {
      let follows = draw.lesion != nil && chanceOfPlace < link(to: confounder)
      draw.placements[confounder] = follows ? (role == .source ? .beside : .away) : .anywhere
    }
  }

  /// Draws one scene to render under each intervention: a lesion, no confounder and no link.
  ///
  /// The scenes use the cameras of the sites in turn.
  ///
  /// - Parameter index: the number of the scene.
  /// - Returns: the causes of the image without an intervention.
  package func swept(_ index: Int) -> Draw {
    let scene = "sweep/\(index)"
    let noise = Noise(seed: seed)["scene"][scene]
    let camera = cameras.isEmpty ? Self.drawnCamera(noise["camera"]) : cameras[index % cameras.count]
    var draw = Draw(
      scene: scene, seed: seed, lesion: LesionClass.allCases[Int(noise["class"].uniform * 5)],
      camera: Self.varied(camera, noise["camera"]))
    draw.anatomy = anatomy
    return draw
  }

  /// Draws one image for the training of CLIP, without the link.
  ///
  /// It has any camera and none to three confounders; about 15 % show normal mucosa.
  ///
  /// - Parameter index: the number of the image.
  /// - Returns: the causes of the image.
  package func captioned(_ index: Int) -> Draw {
    let scene = "captioned/\(index)"
    let noise = Noise(seed: seed)["scene"][scene]
    var draw = Draw(
      scene: scene, seed: seed, lesion: Self.lesion(noise, normalShare: 0.15),
      camera: Self.drawnCamera(noise["camera"]))
    draw.anatomy = anatomy
    var values = noise["confounders"].values
    for _ in 0..<values.integer(0...3) {
      draw.add(Confounder.allCases[values.integer(0...11)], strength: Double(values.uniform(0.35, 1)))
    }
    return draw
  }

  private static func name(_ index: Int) -> String {
    // The names use base 26 without a zero, like the columns of a spreadsheet.
    var (rest, letters) = (index, "")
    repeat {
      letters = String(UnicodeScalar(UInt8(97 + rest % 26))) + letters
      rest = rest / 26 - 1
    } while rest >= 0
    return "site-" + letters
  }

  private static func lesion(_ noise: Noise, normalShare: Double) -> LesionClass? {
    guard noise["normal"].uniform >= normalShare else { return nil }
    return LesionClass.allCases[Int(noise["class"].uniform * Double(LesionClass.allCases.count))]
  }

  private static func choice(among weights: [Confounder: Double], _ uniform: Float) -> Confounder {
    let total = Confounder.allCases.reduce(0) { $0 + (weights[$1] ?? 0) }
    var left = Double(uniform) * total
    for confounder in Confounder.allCases {
      left -= weights[confounder] ?? 0
      if left < 0 { return confounder }
    }
    return .reflection
  }
}

extension Draw {
  /// Adds a confounder unless its opposite is present; of two equal ones, the stronger stays.
  fileprivate mutating func add(_ confounder: Confounder, strength: Double) {
    if let opposite = confounder.opposite, strengths[opposite] != nil { return }
    strengths[confounder] = max(strength, strengths[confounder] ?? 0)
  }
}
