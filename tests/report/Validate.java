import com.pixelmed.validate.DicomSRValidator;

/**
 * PixelMed's validator of Structured Reports for many files: its own main takes one, and compiling the rules takes
 * seconds. What is said of each file stands on stdout after a form feed.
 */
class Validate {
    public static void main(String[] files) throws Exception {
        DicomSRValidator validator = new DicomSRValidator();
        for (String file : files) {
            System.out.println("\f" + said(validator, file));
        }
    }

    private static String said(DicomSRValidator validator, String file) {
        try {
            return validator.validate(file);
        } catch (Exception error) {
            return String.valueOf(error);
        }
    }
}
