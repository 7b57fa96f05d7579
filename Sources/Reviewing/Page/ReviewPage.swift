/// The page of a review.
package enum ReviewPage {
  /// The page: markup, style and scripts in one file.
  package static var html: String { "<!doctype html>\n" }
}
