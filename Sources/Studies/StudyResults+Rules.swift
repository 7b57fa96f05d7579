import Metrics
import Statistics

extension StudyResults.Rules {
  /// Makes the rules of the statistics.
  init(
    threshold: MaskThreshold?, tolerance: Double, distanceUnit: String, selection: String, leakage: String,
    resamples: Int
  ) {
    self.tolerance = tolerance
    self.distanceUnit = distanceUnit
    self.selection = selection
    self.leakage = leakage
    emptyMaskPolicy = EmptyMaskPolicy.statement
    intervals =
      "95 % percentile bootstrap over patients or sequences (images where none are stated), \(resamples) "
      + "resamples, groups drawn within their site, the same for all methods, images averaged over seeds: "
      + "for these sites and trained models. For new seeds, seeds are drawn too, one fewer than there are, the "
      + "same for all sites and independently of the groups (pigeonhole bootstrap). Over "
      + "sites: the mean of the sites' means. There is no interval over fewer than \(IndependentUnits.least) "
      + "patients or sequences at a site, or seeds, because no test reaches p = 0.05 with so few"
    tests =
      "Wilcoxon signed-rank, two-sided, zeros left out, on the mean difference of each patient or "
      + "sequence (image where none are stated), seeds averaged; over sites on the groups of all sites "
      + "together; none on fewer than \(IndependentUnits.least) groups. p (Holm): Holm's correction over every "
      + "test of the same metric, all pairs of methods that are listed, at all sites and over the sites. The "
      + "rank-biserial correlation and the counts of better, same and worse are over the same groups"
    ranking =
      "by mean Dice over sites, 1 the best, equal means share the better rank; in every resample of the "
      + "intervals for these trained models"
    strata =
      "Means over the images of all sites together, groups drawn within their site. class and size "
      + "are of images with a lesion; size: share of the "
      + "image's area that the reference covers, small below \(StudyStrata.smallBelow), large above "
      + "\(StudyStrata.largeAbove), medium between"
    decision =
      "A difference is called one only when its interval excludes zero; without an interval nothing is claimed"
    self.threshold = threshold
  }
}
