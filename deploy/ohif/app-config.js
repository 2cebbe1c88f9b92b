// OHIF 3.13 in front of an Orthanc with its DICOMweb plugin, on one origin: the viewer's files at /, DICOMweb at
// /dicom-web. `make test-viewer` opens the node's results in OHIF with this file; README.md says how to serve it.
window.config = {
  name: 'radnode',
  routerBasename: '/',
  extensions: [],
  modes: [],
  showStudyList: true,
  showLoadingIndicator: true,
  showErrorDetails: 'always',
  maxNumberOfWebWorkers: 3,
  // A series of slices that is not evenly spaced stays a stack, and is never stretched into a volume.
  strictZSpacingForVolumeViewport: true,
  // Without it OHIF asks, of every report and segmentation, whether it may be drawn.
  disableConfirmationPrompts: true,
  // Said once to every user and browser: the models are for research, and so is this viewer.
  investigationalUseDialog: { option: 'configure', days: 90 },
  customizationService: {
    // A heatmap is a Secondary Capture of modality OT, which OHIF would open with its film player over the headline.
    autoCineModalities: { $set: ['US'] },
    // The same headline is not to lie under the description of the series, which the list on the left shows anyway.
    'viewportOverlay.topLeft': {
      $apply: items =>
        items.map(item => {
          const shows = item.condition ?? (() => true);
          return { ...item, condition: props => props.referenceInstance?.Modality !== 'OT' && shows(props) };
        }),
    },
  },
  defaultDataSourceName: 'dicomweb',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'dicomweb',
      configuration: {
        friendlyName: 'Orthanc',
        name: 'orthanc',
        qidoRoot: '/dicom-web',
        wadoRoot: '/dicom-web',
        wadoUriRoot: '/dicom-web',
        qidoSupportsIncludeField: false,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true,
        dicomUploadEnabled: false,
        // Orthanc does not read the quotation marks that OHIF puts into Accept.
        omitQuotationForMultipartRequest: true,
        // Segments, floats and pages come as bulk data, at addresses that begin with the study.
        bulkDataURI: { enabled: true, relativeResolution: 'studies' },
      },
    },
  ],
};
