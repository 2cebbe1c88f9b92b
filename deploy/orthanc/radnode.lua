-- Orthanc sends each series to the node once it has not changed for StableAge seconds, but never what the node made.
-- In orthanc.json: "LuaScripts": ["/etc/orthanc/radnode.lua"],
--                  "DicomModalities": { "radnode": ["RADNODE", "127.0.0.1", 11112] }

local MODALITY = 'radnode' -- its name in DicomModalities
local MAKER = 'radnode'    -- Manufacturer (0008,0070) of the node's results

-- Whatever came from the node by DICOM, or says that the node made it, is not sent there again.
local function isOwn(tags, metadata)
   if string.lower(tags['Manufacturer'] or '') == MAKER then
      return true
   end
   local node = ParseJson(RestApiGet('/modalities/' .. MODALITY .. '/configuration'))
   return metadata['RemoteAET'] ~= nil and metadata['RemoteAET'] == node['AET']
end

function OnStableSeries(seriesId, tags, metadata)
   if isOwn(tags, metadata) then
      return
   end
   -- Not SendToModality: it takes the id of a series for that of an instance, and its job says Success.
   local job = { Resources = { seriesId }, Asynchronous = true }
   RestApiPost('/modalities/' .. MODALITY .. '/store', DumpJson(job, true))
end
