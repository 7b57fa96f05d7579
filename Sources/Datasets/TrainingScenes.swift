import Storage

/// The scenes of the source sites that a run trains on.
public enum TrainingScenes: String, NamedChoice, Sendable {
  /// The images of each site as they are.
  case observed
  /// The same scenes without the link between lesion and confounder.
  ///
  /// Only rendered data has them. A model that is trained on them shows the cost of confounding.
  case unlinked
}

extension Site {
  /// Returns the site with the scenes to train on in the place of its images.
  ///
  /// The images that score it stay.
  ///
  /// - Parameter scenes: the scenes.
  /// - Returns: the site.
  /// - Throws: `DatasetError.noUnlinkedScenes` that names the site.
  package func training(on scenes: TrainingScenes) throws -> Site {
    switch scenes {
    case .observed: return self
    case .unlinked:
      guard let unlinkedSamples else { throw DatasetError.noUnlinkedScenes(site: name) }
      return Site(
        name: name, samples: unlinkedSamples, testSamples: testSamples, unlinkedSamples: unlinkedSamples,
        origin: origin)
    }
  }
}
