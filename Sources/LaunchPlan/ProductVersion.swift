/// The version of all programs of this package. They are installed together: those of one version understand each other's
/// binary messages.
package enum ProductVersion {
    package static let text = "0.1.0"
}
