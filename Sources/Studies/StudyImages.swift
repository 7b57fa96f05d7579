import Metrics
import Training

extension PerImageTable {
  /// Makes the table of every image under every method and seed; `images.csv`.
  ///
  /// - Parameter folds: in the order of the rows.
  /// - Throws: nothing that these columns can meet.
  package init(_ folds: [FoldResult]) throws {
    self.init(labels: ["site", "image", "group", "class", "method", "seed"])
    for fold in folds {
      for image in fold.images {
        try append(
          [fold.site, image.image, image.group, image.lesionClass ?? "", fold.method, "\(fold.seed)"],
          image.scores)
      }
    }
  }
}
